// Where the page is: the part of the address after `#`, as segments and a query.

/** The address of a place in this page. */
export function href(segments, query = {}) {
  const path = segments.map(encodeURIComponent).join("/");
  const asked = queryText(query);
  return `#/${path}${asked ? `?${asked}` : ""}`;
}

/** A query as text; lists are repeated keys, and what is empty is left out. */
export function queryText(query) {
  const entries = Object.entries(query).flatMap(([key, value]) => [value].flat().map((each) => [key, each]));
  return new URLSearchParams(entries.filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();
}

/** Read the present place; what cannot be decoded is taken as it stands. */
export function current() {
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const segments = path.split("/").filter(Boolean).map(decoded);
  return { segments, query: new URLSearchParams(asked) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Go to a place. */
export function go(segments, query = {}) {
  location.hash = href(segments, query);
}

/** Change the query of the present place without a new entry in the browser's history and without a new page. */
export function note(query) {
  const { segments } = current();
  history.replaceState(null, "", href(segments, query));
}
