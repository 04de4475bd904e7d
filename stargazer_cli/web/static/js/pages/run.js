// One run: how it stands, live while it goes, and then what it made.

import { get, ownAddress, send } from "../api.js";
import { append, el, pause, replace } from "../dom.js";
import * as format from "../format.js";
import {
  announce,
  button,
  card,
  cidMark,
  confirm,
  errorNotice,
  kindMark,
  linkButton,
  nameText,
  notice,
  pageHead,
  pairs,
  stateMark,
} from "../parts.js";
import { href } from "../route.js";
import { plainTable } from "../table.js";

const POLL = 1200;
// An answer that fails while a run goes on is asked for again, this often.
const PATIENCE = 5;

export async function show(view, { segments, signal }) {
  const run = await get(["runs", segments[1]], {}, signal);
  const live = liveCard(run);
  const tasks = el("div", {}, tasksCard(run.tasks));
  const again = () => show(view, { segments, signal });
  replace(
    view,
    pageHead({
      crumbs: [["Runs", ["runs"]]],
      title: run.run_id,
      facts: facts(run),
      actions: actions(run, again),
    }),
    el(
      "div",
      { class: "stack" },
      run.error ? errorNotice({ message: run.error, hint: run.hint }) : null,
      run.notes.length ? notice("", run.notes.map((text) => el("p", {}, text))) : null,
      el(
        "div",
        { class: "columns" },
        el("div", { class: "stack" }, live.element, outputsCard(run), tasks, inputsCard(run)),
        el("div", { class: "stack" }, reportsCard(run), parametersCard(run), toolsCard(run), originCard(run)),
      ),
    ),
  );
  follow(run, live, tasks, again, signal);
}

function facts(run) {
  const time = (text, iso) => el("span", {}, text, el("time", { datetime: iso }, format.moment(iso)));
  return [
    stateMark(run.status),
    el("a", { href: href(["catalogue", run.name]) }, run.name),
    time("started ", run.started_at),
    el("span", { id: "took" }, format.took(run)),
    el("span", {}, `profile ${run.profile}`),
  ];
}

function actions(run, again) {
  if (run.status === "running") return [button("Cancel", "stop", () => cancel(run, again), "danger")];
  return run.status === "done" ? [] : [button("Resume", "play", () => resume(run, again))];
}

async function resume(run, again) {
  const done = await confirm({
    title: "Resume this run?",
    text: `${run.run_id} goes on with what it had not done.`,
    yes: "Resume",
    work: () => send("POST", `runs/${encodeURIComponent(run.run_id)}/resume`),
  });
  if (done) again();
}

async function cancel(run, again) {
  const done = await confirm({
    title: "Cancel this run?",
    text: `${run.run_id} is stopped. Finished tasks are kept: the run can be resumed later.`,
    yes: "Cancel the run",
    tone: "danger main",
    work: () => send("POST", `runs/${encodeURIComponent(run.run_id)}/cancel`),
  });
  if (done) {
    announce("Cancelled");
    again();
  }
}

/** Lines of progress and the state of the tasks. */
function liveCard(run) {
  const lines = el("pre", { class: "log", tabindex: "0", "aria-label": "Progress", role: "log" });
  const counts = el("div", { class: "facts" }, countMarks(run.task_counts));
  const bar = el("progress", { class: "run-bar", "aria-label": "The run goes on" });
  bar.hidden = run.status !== "running";
  const element = card("Progress", [bar, lines], { tools: counts });
  return {
    element,
    show({ lines: more, task_counts: found }) {
      const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
      if (more.length) append(lines, `${more.map(timed).join("\n")}\n`);
      if (atEnd) lines.scrollTop = lines.scrollHeight;
      if (found) replace(counts, countMarks(found));
    },
    end() {
      bar.hidden = true;
      if (!lines.textContent) replace(lines, el("span", { class: "unset" }, "Nothing was said."));
    },
    fail(error) {
      bar.hidden = true;
      append(element, el("div", { class: "body" }, errorNotice(error)));
    },
  };
}

/** A line with the time of day in place of the whole date. */
function timed(line) {
  const [, iso, rest] = line.match(/^(\d{4}-\d\d-\d\dT\S+)\s+(.*)$/s) ?? [];
  return iso ? `${format.clock(iso)}  ${rest}` : line;
}

function countMarks(counts) {
  return Object.entries(counts ?? {}).map(([status, count]) => [stateMark(status), el("span", {}, format.number(count))]);
}

/** Ask for new lines, and for the tasks where they changed, until the run has ended; then draw its results. */
async function follow(run, live, tasks, again, signal) {
  let counted = JSON.stringify(run.task_counts);
  let start = 0;
  let failures = 0;
  const took = document.getElementById("took");
  for (;;) {
    try {
      const answer = await get(["runs", run.run_id, "progress"], { start }, signal);
      failures = 0;
      start = answer.next;
      live.show(answer);
      if (answer.status !== "running") {
        live.end();
        if (run.status === "running") {
          announce(`The run is ${answer.status}`);
          await again();
        }
        return;
      }
      if (JSON.stringify(answer.task_counts) !== counted) {
        counted = JSON.stringify(answer.task_counts);
        replace(tasks, tasksCard((await get(["runs", run.run_id, "tasks"], {}, signal)).tasks));
      }
      if (took) took.textContent = format.took(run);
    } catch (error) {
      if (error.name === "AbortError") return;
      failures += 1;
      if (failures > PATIENCE) return live.fail(error);
    }
    try {
      await pause(POLL * (1 + failures), signal);
    } catch {
      return;
    }
  }
}

function reportsCard(run) {
  const row = (report) => {
    const place = ownAddress(report.href);
    const link = place ? el("a", { href: place, target: "_blank", rel: "noopener" }, report.title) : report.title;
    return el("li", {}, el("span", { class: "text" }, link, el("span", { class: "detail" }, report.name)), place ? linkButton("Open", "external", place, "small", { target: "_blank", rel: "noopener" }) : null);
  };
  if (!run.reports.length) return null;
  return card("Reports", el("ul", { class: "rows" }, run.reports.map(row)));
}

function outputsCard(run) {
  if (!run.outputs.length) return null;
  const columns = [
    { key: "name", label: "Name", wide: true, cell: (made) => (made.stored ? el("a", { href: href(["assets", made.id]) }, nameText(made.name)) : nameText(made.name)) },
    { key: "kind", label: "Kind", tight: true, cell: (made) => kindMark(made.kind) },
    { key: "sample", label: "Sample", cell: (made) => made.keyvalues.sample_id ?? el("span", { class: "unset" }, "–") },
    { key: "state", label: "State", tight: true, cell: (made) => madeMark(made) },
    { key: "cid", label: "CID", tight: true, cell: (made) => cidMark(made.cid, { linked: false }) },
  ];
  const all = linkButton("In the table", "list", href(["assets"], { run: run.run_id }), "small");
  return card(`Results: ${format.count(run.outputs.length, "asset")}`, plainTable("Results", columns, run.outputs), { tools: all });
}

function madeMark(made) {
  if (!made.stored) return el("span", { class: "unset" }, "deleted");
  return el("span", { class: "tag" }, made.reused ? "reused" : "made");
}

function tasksCard(tasks) {
  if (!tasks.length) return null;
  const columns = [
    { key: "name", label: "Task", cell: (task) => el("span", { class: "task-name" }, task.name) },
    { key: "subject", label: "For", cell: (task) => el("span", { class: "detail" }, task.subject || "–") },
    { key: "status", label: "State", tight: true, cell: (task) => stateMark(task.status) },
    { key: "duration", label: "Took", right: true, cell: (task) => task.duration },
    { key: "cpu", label: "CPU", right: true, roomy: true, cell: (task) => task.cpu },
    { key: "memory", label: "Memory", right: true, cell: (task) => task.memory },
  ];
  return card(format.count(tasks.length, "task"), plainTable("Tasks", columns, tasks));
}

function inputsCard(run) {
  if (!run.inputs.length) return null;
  const row = (input) =>
    el(
      "li",
      {},
      el("span", { class: "text" }, input.id ? el("a", { href: href(["assets", input.id]) }, nameText(input.name)) : nameText(input.name || input.cid)),
      kindMark(input.kind),
    );
  return card(format.count(run.inputs.length, "input"), el("ul", { class: "rows" }, run.inputs.map(row)));
}

function parametersCard(run) {
  const isSaid = ([name, value]) => name !== "workflow" && value !== null && value !== "";
  const entries = Object.entries(run.parameters ?? {}).filter(isSaid);
  if (!entries.length) return null;
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return card("Parameters", pairs(entries.map(([name, value]) => [el("code", {}, name), text(value)])));
}

function toolsCard(run) {
  const entries = [...Object.entries(run.tools ?? {}), ...Object.entries(run.images ?? {})];
  if (!entries.length) return null;
  return card("Tools", pairs(entries.map(([name, version]) => [name, el("code", {}, version)])));
}

function originCard(run) {
  const timings = Object.entries(run.timings ?? {}).map(([name, seconds]) => `${name} ${format.duration(seconds)}`);
  const details = pairs(
    [
      ["Started", format.moment(run.started_at)],
      run.ended_at ? ["Ended", format.moment(run.ended_at)] : null,
      ["Commit", el("code", {}, run.commit)],
      ["Host", run.host],
      run.attempts > 1 ? ["Attempts", run.attempts] : null,
      timings.length ? ["Time", timings.join(", ")] : null,
      run.outdir ? ["Folder", el("code", {}, run.outdir)] : null,
    ].filter(Boolean),
  );
  const command = run.command.length
    ? el("details", { class: "folded" }, el("summary", {}, "Command"), el("pre", { class: "command" }, run.command.map(quoted).join(" ")))
    : null;
  return card("How it ran", [details, command]);
}

/** A word as a shell takes it. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
