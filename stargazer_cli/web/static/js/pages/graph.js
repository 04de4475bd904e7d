// What a file was made from, and what was made from it.

import { get } from "../api.js";
import { el, replace } from "../dom.js";
import * as format from "../format.js";
import { drawGraph } from "../graph.js";
import { card, cidMark, emptyState, errorNotice, kindClass, kindMark, linkButton, loading, nameText, notice, pageHead } from "../parts.js";
import { href, note } from "../route.js";
import { plainTable } from "../table.js";

const DIRECTIONS = [
  ["both", "Both ways"],
  ["up", "What it was made from"],
  ["down", "What was made from it"],
];
const LIMITS = [100, 200, 500, 1000];

export async function show(view, { segments, query, signal }) {
  const cid = segments[1];
  const state = {
    direction: DIRECTIONS.map(([name]) => name).find((name) => name === query.get("direction")) ?? "both",
    limit: LIMITS.find((limit) => String(limit) === query.get("limit")) ?? 200,
  };
  const place = el("div", { class: "stack" }, loading());
  const found = await get(["graph", cid], state, signal);
  const itself = found.nodes.find((node) => node.cid === cid) ?? { cid, name: "", kind: "", names: [] };
  const back = itself.id ? linkButton("The asset", "file", href(["assets", itself.id])) : null;
  replace(
    view,
    pageHead({
      crumbs: [["Assets", ["assets"]]],
      title: itself.name ? `Provenance of ${itself.name}` : "Provenance",
      facts: [kindMark(itself.kind), cidMark(cid, { linked: false })],
      actions: [back],
    }),
    place,
  );

  async function draw(document) {
    if (document.nodes.length < 2) {
      const text = "Nothing was made from it, and it was not made from anything that is recorded here.";
      replace(place, choices(), el("div", { class: "card" }, emptyState("graph", "A file by itself", text)));
      return;
    }
    const { element, tools } = await drawGraph({
      nodes: document.nodes.map(nodeOf),
      edges: document.edges.map(({ source, target }) => ({ from: source, to: target })),
      here: cid,
      label: "Graph of what was made from what, from left to right",
    });
    const count = format.count(document.nodes.length, "file");
    const title = document.truncated ? `The nearest ${count}` : count;
    replace(
      place,
      choices(),
      document.truncated ? notice("", "Only the nearest files are drawn; choose more above.") : null,
      card(title, element, { tools: el("div", { class: "graph-tools" }, tools) }),
      asList(document),
    );
  }

  async function again(change) {
    Object.assign(state, change);
    note({ direction: state.direction === "both" ? "" : state.direction, limit: state.limit === 200 ? "" : state.limit });
    try {
      await draw(await get(["graph", cid], state, signal));
    } catch (error) {
      if (error.name !== "AbortError") replace(place, choices(), errorNotice(error));
    }
  }

  function choices() {
    const direction = el(
      "select",
      { id: "direction", onchange: (event) => again({ direction: event.target.value }) },
      DIRECTIONS.map(([name, text]) => el("option", { value: name, selected: name === state.direction }, text)),
    );
    const limit = el(
      "select",
      { id: "limit", onchange: (event) => again({ limit: Number(event.target.value) }) },
      LIMITS.map((each) => el("option", { value: each, selected: each === state.limit }, `${format.number(each)} files`)),
    );
    return el(
      "div",
      { class: "asked" },
      el("div", { class: "field" }, el("label", { for: direction.id }, "Show"), direction),
      el("div", { class: "field" }, el("label", { for: limit.id }, "At most"), limit),
      el("p", { class: "foot plain-foot" }, "Arrow keys walk along the graph, Enter opens a file."),
    );
  }

  await draw(found);
}

function nodeOf(node) {
  const name = node.name || format.shortCid(node.cid);
  const detail = [node.kind || "no kind", node.sample_id].filter(Boolean).join(" · ");
  return {
    id: node.cid,
    title: name,
    detail: node.id ? detail : "not recorded here",
    className: `${kindClass(node.kind)} ${node.id ? "" : "gone"}`.trim(),
    address: node.id ? href(["assets", node.id]) : href(["cid", node.cid]),
    says: [name, node.id ? detail : "not recorded here", node.run_id ? `made by ${node.run_id}` : ""].filter(Boolean).join(", "),
  };
}

/** The same as the graph, for those who read rather than look. */
function asList({ nodes, edges }) {
  const named = new Map(nodes.map((node) => [node.cid, node]));
  const parents = Map.groupBy(edges, ({ target }) => target);
  const linked = (node) =>
    el("a", { href: node.id ? href(["assets", node.id]) : href(["cid", node.cid]) }, nameText(node.name || format.shortCid(node.cid)));
  const from = (node) => (parents.get(node.cid) ?? []).map(({ source }) => named.get(source)).filter(Boolean);
  const columns = [
    { key: "name", label: "File", wide: true, cell: linked },
    { key: "kind", label: "Kind", tight: true, cell: (node) => kindMark(node.kind) },
    { key: "from", label: "Made from", cell: (node) => el("span", { class: "detail" }, from(node).map((each) => each.name).join(", ") || "–") },
    { key: "cid", label: "CID", tight: true, cell: (node) => cidMark(node.cid, { linked: false }) },
  ];
  const sorted = nodes.toSorted((a, b) => a.depth - b.depth || a.name.localeCompare(b.name));
  return el("details", {}, el("summary", {}, "The same as a list"), el("div", { class: "card table-card" }, plainTable("Files of the graph", columns, sorted)));
}
