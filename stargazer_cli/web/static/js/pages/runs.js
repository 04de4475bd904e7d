// All runs, newest first.

import { get } from "../api.js";
import { el, pause, replace } from "../dom.js";
import * as format from "../format.js";
import { emptyState, linkButton, nameText, pageHead, stateMark } from "../parts.js";
import { href, note } from "../route.js";
import { pagedTable } from "../table.js";

// While one is running the table is asked for again.
const REFRESH = 4000;
const STATES = ["", "running", "done", "failed", "interrupted"];

const COLUMNS = [
  { key: "run_id", label: "Run", wide: true, cell: (run) => el("a", { href: href(["runs", run.run_id]) }, nameText(run.run_id)) },
  { key: "name", label: "What", roomy: true, cell: (run) => run.name },
  { key: "status", label: "State", tight: true, cell: (run) => stateMark(run.status) },
  { key: "started_at", label: "Started", tight: true, cell: (run) => el("time", { datetime: run.started_at, title: format.moment(run.started_at) }, format.day(run.started_at)) },
  { key: "took", label: "Took", right: true, cell: format.took },
  { key: "profile", label: "Profile", roomy: true, cell: (run) => run.profile },
];

export async function show(view, { query, signal }) {
  const state = {
    status: STATES.find((status) => status === query.get("status")) ?? "",
    page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
    size: 50,
  };
  let running = 0;
  const table = pagedTable({
    caption: "Runs",
    noun: ["run"],
    columns: COLUMNS,
    state,
    load: async ({ status, page, size }, wanted) => {
      const found = await get("runs", { status, offset: (page - 1) * size, limit: size }, wanted);
      running = found.running;
      return { rows: found.runs, total: found.total };
    },
    empty: () => nothing(state.status),
    changed: ({ status, page }) => note({ status, page: page === 1 ? "" : page }),
    left: signal,
  });
  const choice = el(
    "select",
    { id: "run-state", onchange: (event) => table.refresh({ status: event.target.value, page: 1 }) },
    STATES.map((status) => el("option", { value: status, selected: status === state.status }, status || "any")),
  );
  replace(
    view,
    pageHead({
      title: "Runs",
      text: "What was computed, when, and how it ended.",
      actions: [linkButton("Start a run", "play", href(["catalogue"]), "main")],
    }),
    el("div", { class: "asked" }, el("div", { class: "field" }, el("label", { for: choice.id }, "State"), choice)),
    table.element,
  );
  keepFresh();

  async function keepFresh() {
    try {
      for (;;) {
        await pause(REFRESH, signal);
        if (running && !document.hidden && !table.element.contains(document.activeElement)) await table.refresh();
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
}

function nothing(status) {
  if (status) return emptyState("runs", `No run is ${status}`, "Choose another state to see the others.");
  return emptyState(
    "runs",
    "Nothing has run yet",
    "Start a workflow or a single task from the catalogue; it goes on when this page is closed.",
    linkButton("Open the catalogue", "catalogue", href(["catalogue"]), "main"),
  );
}
