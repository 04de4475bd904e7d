// All assets: searched, filtered, sorted, page by page.

import { get } from "../api.js";
import { debounce, el, replace, uniqueId } from "../dom.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { button, cidMark, emptyState, kindClass, kindMark, linkButton, nameText, pageHead } from "../parts.js";
import { href, note } from "../route.js";
import { pagedTable } from "../table.js";

// Kinds that are shown at once; the others wait behind a button.
const KINDS_SHOWN = 8;

const COLUMNS = [
  { key: "name", label: "Name", sortable: true, wide: true, cell: nameCell },
  { key: "kind", label: "Kind", sortable: true, tight: true, cell: (asset) => kindMark(asset.kind) },
  { key: "sample_id", label: "Sample", sortable: true, cell: (asset) => value(asset.keyvalues.sample_id) },
  { key: "build", label: "Build", sortable: true, roomy: true, cell: (asset) => value(asset.keyvalues.build) },
  { key: "size", label: "Size", right: true, cell: sizeCell },
  { key: "created_at", label: "Added", sortable: true, tight: true, cell: (asset) => day(asset.created_at) },
  { key: "cid", label: "CID", tight: true, roomy: true, cell: (asset) => cidMark(asset.cid, { linked: false }) },
];

export async function show(view, { query, signal: left }) {
  const state = asked(query);
  const chips = el("ul", { class: "chips", "aria-label": "Filters" });
  const kinds = el("div", { class: "kinds", role: "group", "aria-label": "Kinds" });
  const table = pagedTable({
    caption: "Assets",
    noun: ["asset"],
    columns: COLUMNS,
    state,
    load: async (wanted, signal) => {
      const found = await get("assets", questions(wanted), signal);
      drawKinds(kinds, found.kinds, state, refresh);
      return { rows: found.assets, total: found.total };
    },
    empty: () => (isFiltered(state) ? nothingFits(clear) : nothingYet()),
    changed: (shown) => note(addressOf(shown)),
    left,
  });

  function refresh(change) {
    table.refresh({ page: 1, ...change });
    drawChips(chips, state, refresh);
  }

  function clear() {
    search.value = "";
    refresh({ q: "", kind: [], where: [], run: "" });
  }

  const search = searchInput(state.q, debounce((q) => refresh({ q }), 180));
  drawChips(chips, state, refresh);
  replace(
    view,
    pageHead({
      title: "Assets",
      text: "Every file in the store, found by what it is.",
      actions: [linkButton("Upload", "upload", href(["upload"]), "main")],
    }),
    el(
      "div",
      { class: "asked", role: "search" },
      el(
        "div",
        { class: "field grow" },
        el("label", { for: search.id }, "Search"),
        el("div", { class: "searching" }, icon("search"), search),
      ),
      filterMaker((where) => refresh({ where: [...new Set([...state.where, where])] })),
    ),
    kinds,
    chips,
    table.element,
  );
}

function asked(query) {
  return {
    q: query.get("q") ?? "",
    kind: query.getAll("kind"),
    where: query.getAll("where"),
    run: query.get("run") ?? "",
    sort: query.get("sort") ?? "-created_at",
    page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
    size: [25, 50, 100, 200].find((size) => String(size) === query.get("size")) ?? 50,
  };
}

function questions({ q, kind, where, run, sort, page, size }) {
  // A bare asset has no kind, and an empty word would be left out of the address.
  return { q, kind, where, run, sort, offset: (page - 1) * size, limit: size };
}

function addressOf({ q, kind, where, run, sort, page, size }) {
  return {
    q,
    kind,
    where,
    run,
    sort: sort === "-created_at" ? "" : sort,
    page: page === 1 ? "" : page,
    size: size === 50 ? "" : size,
  };
}

function isFiltered({ q, kind, where, run }) {
  return Boolean(q || kind.length || where.length || run);
}

function searchInput(q, changed) {
  return el("input", {
    id: uniqueId("search"),
    type: "search",
    value: q,
    placeholder: "Name, CID, sample, any value",
    oninput: (event) => changed(event.target.value.trim()),
  });
}

function drawKinds(place, counts, state, refresh) {
  const all = Object.entries(counts)
    .filter(([kind]) => kind)
    .sort(([a, first], [b, second]) => second - first || a.localeCompare(b));
  const several = all.length > KINDS_SHOWN + 1 && !place.dataset.open;
  const shown = several ? all.filter(([kind], number) => number < KINDS_SHOWN || state.kind.includes(kind)) : all;
  const toggle = (kind) =>
    state.kind.includes(kind) ? state.kind.filter((each) => each !== kind) : [...state.kind, kind];
  const mark = ([kind, count]) =>
    el(
      "button",
      {
        class: `kind ${kindClass(kind)}`,
        type: "button",
        "aria-pressed": state.kind.includes(kind),
        "data-kind": kind,
        onclick: () => refresh({ kind: toggle(kind) }),
      },
      kind,
      el("span", { class: "count" }, format.number(count)),
    );
  const open = () => {
    place.dataset.open = "yes";
    drawKinds(place, counts, state, refresh);
  };
  const focused = document.activeElement?.dataset?.kind;
  const more = all.length - shown.length;
  replace(place, shown.map(mark), more > 0 ? button(`${more} more`, null, open, "small") : null);
  if (focused) [...place.children].find((each) => each.dataset.kind === focused)?.focus();
}

function drawChips(place, state, refresh) {
  const chip = (text, remove) => {
    const away = el("button", { class: "plain", type: "button", "aria-label": `Remove ${text}`, onclick: remove });
    replace(away, icon("close"));
    return el("li", { class: "chip" }, text, away);
  };
  const said = (where) => (where.endsWith("=") ? `${where.slice(0, -1)} is not set` : where.replace("=", " = "));
  const wheres = state.where.map((where) =>
    chip(said(where), () => refresh({ where: state.where.filter((each) => each !== where) })),
  );
  const run = state.run ? chip(`made by ${state.run}`, () => refresh({ run: "" })) : null;
  replace(place, wheres, run);
  place.hidden = !wheres.length && !run;
}

/** The key and value of one more filter; both are offered from what the records have. */
function filterMaker(add) {
  const key = el("select", { id: uniqueId("key") }, el("option", { value: "" }, "Choose a field…"));
  const values = el("datalist", { id: uniqueId("values") });
  const said = el("input", { id: uniqueId("value"), list: values.id, autocomplete: "off", placeholder: "Value, or empty" });
  get("keys").then(({ keys }) => {
    for (const each of keys.filter((name) => name !== "asset")) key.append(el("option", { value: each }, format.label(each)));
  }, () => {});
  const offer = async () => {
    replace(values);
    if (!key.value) return;
    const found = await get(["keys", key.value], { q: said.value, limit: 50 }).catch(() => ({ values: [] }));
    replace(values, found.values.map(({ value: each, count }) => el("option", { value: each }, format.number(count))));
  };
  const finish = () => {
    if (!key.value) return key.focus();
    add(`${key.value}=${said.value.trim()}`);
    said.value = "";
    key.value = "";
    return undefined;
  };
  key.addEventListener("change", () => {
    offer();
    said.focus();
  });
  said.addEventListener("input", debounce(offer, 150));
  said.addEventListener("keydown", (event) => {
    if (event.key === "Enter") finish();
  });
  return [
    el("div", { class: "field" }, el("label", { for: key.id }, "Field"), key),
    el("div", { class: "field" }, el("label", { for: said.id }, "Is"), said, values),
    button("Add filter", "plus", finish),
  ];
}

function nameCell(asset) {
  return el("a", { href: href(["assets", asset.id]) }, nameText(asset.name || "without a name"));
}

function sizeCell(asset) {
  if (asset.here) return format.size(asset.size);
  return el("span", { class: "unset", title: "Its bytes are not in this store" }, "not here");
}

function value(text) {
  return text ?? el("span", { class: "unset" }, "–");
}

function day(iso) {
  return el("time", { datetime: iso, title: format.moment(iso) }, format.day(iso));
}

function nothingFits(clear) {
  return emptyState("search", "Nothing fits", "No asset has all that is asked for.", button("Clear all filters", "close", clear));
}

function nothingYet() {
  return emptyState(
    "assets",
    "The store is empty",
    "Upload files, fetch a bundle, or run `stargazer demo`: what is stored or made appears here.",
    linkButton("Upload files", "upload", href(["upload"]), "main"),
    linkButton("Look at the catalogue", "catalogue", href(["catalogue"])),
  );
}
