// A table whose rows are asked for page by page: sorted, counted and cut by the server.

import { el, replace } from "./dom.js";
import { count, number } from "./format.js";
import { icon } from "./icons.js";
import { announce, errorNotice, loading } from "./parts.js";

const SIZES = [25, 50, 100, 200];

/**
 * Make a table.
 *
 * `columns`: { key, label, cell(row) -> node, sortable, right, wide, tight, roomy }; a roomy one is left out where
 * there is little room. `state`: { sort, page, size }, where
 * sort is a column's key, after a minus for the greatest first. `load(state, signal)` gives { rows, total };
 * `empty()` is what stands where there are none; `changed(state)` is told what is now shown. When `left`, the
 * signal of the page, says that the page was left, nothing is asked or told any more.
 * Returns { element, refresh }.
 */
export function pagedTable({ caption, noun, columns, state, load, empty, changed, left }) {
  const heads = el("tr");
  const rows = el("tbody");
  const foot = el("div", { class: "pager" });
  const table = el("table", {}, el("caption", { class: "quiet" }, caption), el("thead", {}, heads), rows);
  const scroll = el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
  const other = el("div", {}, loading());
  const element = el("div", { class: "card table-card" }, scroll, other, foot);
  let asked = new AbortController();
  left.addEventListener("abort", () => asked.abort());

  async function refresh(change = {}) {
    if (left.aborted) return;
    Object.assign(state, change);
    asked.abort();
    const mine = (asked = new AbortController());
    element.setAttribute("aria-busy", "true");
    try {
      const found = await load(state, mine.signal);
      if (!mine.signal.aborted) show(found);
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
    } finally {
      if (!mine.signal.aborted) element.removeAttribute("aria-busy");
    }
  }

  function show({ rows: found, total }) {
    const last = Math.max(1, Math.ceil(total / state.size));
    if (state.page > last) return refresh({ page: last });
    changed?.(state);
    const none = total === 0;
    scroll.hidden = none;
    foot.hidden = none;
    replace(other, none ? empty() : null);
    replace(heads, columns.map((column) => head(column, state, refresh)));
    replace(rows, found.map((row) => el("tr", {}, columns.map((column) => cell(column, row)))));
    replace(foot, pager(state, total, last, noun, refresh));
    announce(count(total, ...noun));
  }

  function fail(error) {
    scroll.hidden = true;
    foot.hidden = true;
    replace(other, el("div", { class: "body" }, errorNotice(error)));
  }

  scroll.hidden = true;
  foot.hidden = true;
  refresh();
  return { element, refresh };
}

function head(column, state, refresh) {
  const look = looks(column);
  if (!column.sortable) return el("th", { scope: "col", class: look }, el("span", {}, column.label));
  const now = { [column.key]: "ascending", [`-${column.key}`]: "descending" }[state.sort];
  const next = now === "ascending" ? `-${column.key}` : column.key;
  const sorter = el(
    "button",
    {
      type: "button",
      onclick: async () => {
        await refresh({ sort: next, page: 1 });
        document.querySelector(`th[data-key="${CSS.escape(column.key)}"] button`)?.focus();
      },
    },
    column.label,
    icon(now === "descending" ? "down" : "up"),
  );
  return el("th", { scope: "col", class: look, "aria-sort": now, "data-key": column.key }, sorter);
}

function cell(column, row) {
  return el("td", { class: looks(column) }, column.cell(row));
}

function looks(column) {
  return ["right", "wide", "tight", "roomy"].filter((name) => column[name]).join(" ") || null;
}

function pager(state, total, last, noun, refresh) {
  const from = (state.page - 1) * state.size + 1;
  const to = Math.min(total, state.page * state.size);
  const step = (drawing, text, page) =>
    el(
      "button",
      {
        class: "button",
        type: "button",
        "aria-label": text,
        title: text,
        disabled: page < 1 || page > last || page === state.page,
        onclick: () => refresh({ page }),
      },
      icon(drawing),
    );
  const sizes = el(
    "select",
    { "aria-label": "Rows on a page", onchange: (event) => refresh({ size: Number(event.target.value), page: 1 }) },
    SIZES.map((size) => el("option", { value: size, selected: size === state.size }, `${size} rows`)),
  );
  return [
    el("span", {}, `${number(from)}–${number(to)} of ${count(total, ...noun)}`),
    el(
      "nav",
      { class: "steps", "aria-label": "Pages" },
      sizes,
      step("first", "First page", 1),
      step("left", "Previous page", state.page - 1),
      el("span", {}, `Page ${number(state.page)} of ${number(last)}`),
      step("right", "Next page", state.page + 1),
      step("last", "Last page", last),
    ),
  ];
}

/** A table that is here already, whole; `columns` as above. */
export function plainTable(caption, columns, found) {
  return el(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "quiet" }, caption),
      el("thead", {}, el("tr", {}, columns.map((column) => head(column, {}, null)))),
      el("tbody", {}, found.map((row) => el("tr", {}, columns.map((column) => cell(column, row))))),
    ),
  );
}
