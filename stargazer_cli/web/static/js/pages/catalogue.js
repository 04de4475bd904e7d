// All that Stargazer can do: workflows, and the tasks that they are made of.

import { get } from "../api.js";
import { el, replace, uniqueId } from "../dom.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { announce, emptyState, kindMark, pageHead } from "../parts.js";
import { href, note } from "../route.js";

export async function show(view, { query, signal }) {
  const { entries } = await get("catalogue", {}, signal);
  const list = el("div");
  const search = el("input", {
    id: uniqueId("search"),
    type: "search",
    value: query.get("q") ?? "",
    placeholder: "Name, tool, kind of asset",
    oninput: () => draw(),
  });

  function draw() {
    const q = search.value.trim();
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const found = entries.filter((entry) => words.every((word) => textOf(entry).includes(word)));
    const part = (category) => found.filter((entry) => entry.category === category);
    note({ q });
    announce(format.count(found.length, "entry", "entries"));
    replace(
      list,
      section("Workflows", part("workflow")),
      section("Tasks", part("task")),
      found.length ? null : el("div", { class: "card" }, emptyState("search", "Nothing fits", "No task or workflow has all these words.")),
    );
  }

  replace(
    view,
    pageHead({ title: "Catalogue", text: "Workflows from reads to results, and each of their tasks by itself." }),
    el(
      "div",
      { class: "asked", role: "search" },
      el("div", { class: "field grow" }, el("label", { for: search.id }, "Search"), el("div", { class: "searching" }, icon("search"), search)),
    ),
    list,
  );
  draw();
}

function textOf(entry) {
  const kinds = [...(entry.inputs ?? []), ...(entry.outputs ?? [])].map(({ kind }) => kind);
  return [entry.name, entry.description, ...(entry.tools ?? []), ...kinds].join(" ").toLowerCase();
}

function section(title, entries) {
  if (!entries.length) return null;
  return el("section", { class: "section" }, el("h2", {}, `${title} (${entries.length})`), el("ul", { class: "tiles" }, entries.map(tile)));
}

function tile(entry) {
  const made = [...new Set((entry.outputs ?? []).map(({ kind }) => kind).filter(Boolean))];
  return el(
    "li",
    {},
    el(
      "a",
      { class: "card tile", href: href(["catalogue", entry.name]) },
      el("strong", {}, entry.name),
      el("p", {}, entry.description),
      el("span", { class: "facts" }, made.slice(0, 4).map(kindMark), made.length > 4 ? `and ${made.length - 4} more` : null),
    ),
  );
}
