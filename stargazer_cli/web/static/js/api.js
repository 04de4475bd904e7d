// Questions to the server. An answer that is no success becomes an ApiError, in the server's own words.

import { queryText } from "./route.js";

/** What went wrong: the message, what it names, what to do, and the status of the answer (0: there was none). */
export class ApiError extends Error {
  constructor({ message, items = [], hint = null }, status = 0) {
    super(message);
    this.name = "ApiError";
    this.items = items;
    this.hint = hint;
    this.status = status;
  }
}

/** What is wrong where nothing answers. */
export const UNREACHABLE = {
  message: "The server does not answer.",
  hint: "Is `stargazer browse` still running in its terminal?",
};

let known = null;

/** What the server says of itself: version, store, and the token that changes need. Asked once. */
export function session() {
  known ??= get("session").catch((error) => {
    known = null;
    throw error;
  });
  return known;
}

/** Ask for a document; `path` is below /api, `query` as in `queryText`. */
export function get(path, query = {}, signal = undefined) {
  return request("GET", path, { query, signal });
}

/** Ask for a change, with a document as JSON. */
export function send(method, path, body = undefined, query = {}) {
  return request(method, path, { body, query });
}

async function request(method, path, { query = {}, body, signal }) {
  const headers = {};
  if (method !== "GET") headers["X-Stargazer-CSRF"] = (await session()).csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(UNREACHABLE);
  }
  return understood(answer.status, await answer.text());
}

/** The address of something below /api; `path` is text, or segments that are encoded here. */
export function address(path, query = {}) {
  const place = Array.isArray(path) ? path.map(encodeURIComponent).join("/") : path;
  const asked = queryText(query);
  return `api/${place}${asked ? `?${asked}` : ""}`;
}

/** An address that the server gave, if it is one of its own; else nothing. */
export function ownAddress(given) {
  return /^\/?api\/[^\\]*$/.test(given ?? "") ? given : null;
}

function understood(status, text) {
  let document = null;
  try {
    document = text ? JSON.parse(text) : null;
  } catch {
    document = null;
  }
  if (status >= 200 && status < 300) return document;
  const message = `The server answered ${status}.`;
  throw new ApiError(document?.error ?? { message, hint: "Its terminal says more." }, status);
}

/**
 * Send files: `fields` first, then `files`. `progress` is told the share that has been sent, 0 to 1.
 * Returns { done, cancel }: a promise of the answer, and what stops the upload.
 */
export async function upload(path, fields, files, progress) {
  const { csrf } = await session();
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const file of files) form.append("file", file, file.name);
  const sender = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    sender.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    sender.addEventListener("load", () => {
      try {
        resolve(understood(sender.status, sender.responseText));
      } catch (error) {
        reject(error);
      }
    });
    sender.addEventListener("error", () => reject(new ApiError(UNREACHABLE)));
    sender.addEventListener("abort", () => reject(new ApiError({ message: "The upload was stopped; nothing of it is stored." })));
    sender.open("POST", address(path));
    sender.setRequestHeader("X-Stargazer-CSRF", csrf);
    sender.send(form);
  });
  return { done, cancel: () => sender.abort() };
}

let kindsKnown = null;

/** The kinds of assets by name, with their fields. Asked once. */
export function kinds() {
  kindsKnown ??= get("kinds").then(
    ({ kinds: all }) => new Map(all.map((kind) => [kind.name, kind])),
    (error) => {
      kindsKnown = null;
      throw error;
    },
  );
  return kindsKnown;
}
