// A graph of what was made from what: laid out by dagre, drawn as SVG whose nodes are links.

import { el, replace, svg, uniqueId } from "./dom.js";
import { icon } from "./icons.js";

const NODE = { width: 208, height: 52 };
const STEP = 1.25;
const SMALLEST = 0.15;
const LARGEST = 2.5;
// Above this many nodes the quicker of dagre's ways to rank them is taken.
const MANY = 250;

/**
 * Draw a graph.
 *
 * `nodes`: { id, title, detail, className, address, says }, where `says` is what a reader is told; `edges`: { from, to }.
 * `here` is the id of the node in the middle. Returns { element, tools }: the drawing, and the buttons that zoom it.
 */
export async function drawGraph({ nodes, edges, here, label }) {
  const { Graph, layout } = await import("../vendor/dagre.js");
  const placed = place(new Graph(), layout, nodes, edges);
  const view = el("div", { class: "graph", tabindex: "0", role: "group", "aria-label": label });
  const drawn = draw(placed, nodes, here, label);
  view.append(drawn.picture);
  const zoom = zooming(view, drawn.picture, placed.graph());
  dragging(view);
  walking(drawn.links, placed);
  whenShown(view, () => {
    zoom.fit();
    drawn.links.get(here)?.scrollIntoView({ block: "center", inline: "center" });
    window.scrollTo(0, 0);
  });
  return { element: view, tools: zoom.tools };
}

function place(graph, layout, nodes, edges) {
  graph.setGraph({
    rankdir: "LR",
    nodesep: 16,
    ranksep: 54,
    marginx: 28,
    marginy: 28,
    ranker: nodes.length > MANY ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...NODE });
  for (const { from, to } of edges) if (graph.hasNode(from) && graph.hasNode(to)) graph.setEdge(from, to);
  layout(graph);
  return graph;
}

function draw(placed, nodes, here, label) {
  const { width, height } = placed.graph();
  const arrow = uniqueId("arrow");
  const columns = new Set(nodes.map((node) => Math.round(placed.node(node.id).x)));
  const lines = placed.edges().map((edge) => line(edge, placed, columns, arrow));
  const links = new Map(nodes.map((node) => [node.id, link(node, placed.node(node.id), node.id === here)]));
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label },
    svg(
      "defs",
      {},
      svg(
        "marker",
        { id: arrow, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" },
        svg("path", { class: "arrow", d: "M0 0L8 4L0 8z" }),
      ),
    ),
    svg("g", {}, lines),
    svg("g", {}, [...links.values()]),
  );
  for (const [id, each] of links) lighting(picture, placed, links, lines, id, each);
  return { picture, links };
}

/** An edge, from the right side of a node to the left side of another; level where it passes a column of nodes. */
function line({ v, w }, placed, columns, arrow) {
  const side = ({ x, y }, to) => ({ x: x + (to * NODE.width) / 2, y });
  const bends = placed.edge(v, w).points.slice(1, -1).filter(({ x }) => columns.has(Math.round(x)));
  const passed = bends.flatMap((bend) => [side(bend, -1), side(bend, 1)]);
  const points = [side(placed.node(v), 1), ...passed, side(placed.node(w), -1)];
  const path = svg("path", { class: "edge", d: curve(points), "marker-end": `url(#${arrow})` });
  path.ends = [v, w];
  return path;
}

/** A path through points from left to right, level at each of them. */
function curve(points) {
  const [first, ...others] = points;
  let [x, y] = [first.x, first.y];
  let path = `M${x} ${y}`;
  for (const point of others) {
    const middle = (x + point.x) / 2;
    path += `C${middle} ${y} ${middle} ${point.y} ${point.x} ${point.y}`;
    [x, y] = [point.x, point.y];
  }
  return path;
}

function link(node, { x, y }, isHere) {
  const left = x - NODE.width / 2;
  const top = y - NODE.height / 2;
  const room = NODE.width - 30;
  return svg(
    "a",
    {
      class: ["node", node.className, isHere ? "here" : ""].filter(Boolean).join(" "),
      href: node.address,
      "aria-label": node.says,
      "aria-current": isHere ? "true" : null,
    },
    svg("title", {}, node.says),
    svg("rect", { x: left, y: top, width: NODE.width, height: NODE.height, rx: 9 }),
    svg("rect", { class: "bar", x: left + 8, y: top + 10, width: 4, height: NODE.height - 20, rx: 2 }),
    svg("text", { x: left + 21, y: top + 22 }, fitted(node.title, "600 13px", room)),
    svg("text", { class: "sub", x: left + 21, y: top + 39 }, fitted(node.detail, "11.5px", room)),
  );
}

let ruler = null;

/** A text without its middle, where it is longer than `room`. */
function fitted(text, weight, room) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `${weight} ${getComputedStyle(document.body).fontFamily}`;
  if (ruler.measureText(text).width <= room) return text;
  let kept = text.length - 1;
  const shortened = () => `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
  while (kept > 2 && ruler.measureText(shortened()).width > room) kept -= 1;
  return shortened();
}

/** Show what a node is made from and what is made from it, while it is pointed at or has the focus. */
function lighting(picture, placed, links, lines, id, node) {
  const near = [id, ...(placed.predecessors(id) ?? []), ...(placed.successors(id) ?? [])];
  const show = (on) => () => {
    picture.classList.toggle("choosing", on);
    for (const each of near) links.get(each).classList.toggle("lit", on);
    for (const each of lines) if (each.ends.includes(id)) each.classList.toggle("lit", on);
  };
  for (const event of ["mouseenter", "focus"]) node.addEventListener(event, show(true));
  for (const event of ["mouseleave", "blur"]) node.addEventListener(event, show(false));
}

/** The arrow keys go along the edges, and up and down among the nodes of one column. */
function walking(links, placed) {
  const column = (id) =>
    [...links.keys()]
      .filter((each) => placed.node(each).x === placed.node(id).x)
      .sort((a, b) => placed.node(a).y - placed.node(b).y);
  const nearest = (ids, id) =>
    ids.toSorted((a, b) => Math.abs(placed.node(a).y - placed.node(id).y) - Math.abs(placed.node(b).y - placed.node(id).y))[0];
  const ways = {
    ArrowLeft: (id) => nearest(placed.predecessors(id), id),
    ArrowRight: (id) => nearest(placed.successors(id), id),
    ArrowUp: (id) => column(id)[column(id).indexOf(id) - 1],
    ArrowDown: (id) => column(id)[column(id).indexOf(id) + 1],
  };
  for (const [id, node] of links) {
    node.addEventListener("keydown", (event) => {
      const next = ways[event.key]?.(id);
      if (!ways[event.key]) return;
      event.preventDefault();
      if (next) {
        links.get(next).focus({ preventScroll: true });
        links.get(next).scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    });
  }
}

function zooming(view, picture, { width, height }) {
  let scale = 1;

  function set(wanted) {
    const before = scale;
    scale = Math.min(LARGEST, Math.max(SMALLEST, wanted));
    const middle = {
      x: (view.scrollLeft + view.clientWidth / 2) / before,
      y: (view.scrollTop + view.clientHeight / 2) / before,
    };
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
    view.scrollLeft = middle.x * scale - view.clientWidth / 2;
    view.scrollTop = middle.y * scale - view.clientHeight / 2;
  }

  const room = () => Number.parseFloat(getComputedStyle(view).maxHeight) - 4;
  const whole = () => set(Math.min(1, (view.clientWidth - 4) / width, room() / height));
  // Letters much smaller than these are no longer read: a large graph is scrolled instead.
  const fit = () => set(Math.max(0.72, Math.min(1, (view.clientWidth - 4) / width, room() / height)));
  view.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      set(event.deltaY < 0 ? scale * STEP : scale / STEP);
    },
    { passive: false },
  );
  const tool = (text, drawing, work) => {
    const made = el("button", { class: "button small", type: "button", "aria-label": text, title: text, onclick: work });
    replace(made, icon(drawing));
    return made;
  };
  const tools = [
    tool("Smaller", "minus", () => set(scale / STEP)),
    tool("Larger", "plus", () => set(scale * STEP)),
    tool("Show all of it", "fit", whole),
  ];
  return { fit, tools };
}

/** Move what is seen by holding the background. */
function dragging(view) {
  let from = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || event.target.closest("a")) return;
    from = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop };
    view.setPointerCapture(event.pointerId);
    view.classList.add("held");
  });
  view.addEventListener("pointermove", (event) => {
    if (!from) return;
    view.scrollLeft = from.x - event.clientX;
    view.scrollTop = from.y - event.clientY;
  });
  const drop = () => {
    from = null;
    view.classList.remove("held");
  };
  view.addEventListener("pointerup", drop);
  view.addEventListener("pointercancel", drop);
}

function whenShown(element, work) {
  new ResizeObserver((_, observer) => {
    if (!element.clientWidth) return;
    observer.disconnect();
    work();
  }).observe(element);
}
