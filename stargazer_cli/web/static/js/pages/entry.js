// One task or workflow: what it takes and makes, and a form that starts it.

import { get, send } from "../api.js";
import { el, replace, uniqueId } from "../dom.js";
import { control, FieldError, keyLines, readAll, sentence } from "../form.js";
import * as format from "../format.js";
import { button, card, cidMark, emptyState, errorNotice, kindMark, linkButton, notice, pageHead, pairs } from "../parts.js";
import { go, href } from "../route.js";
import { plainTable } from "../table.js";

export async function show(view, { segments, signal }) {
  const [entry, { profiles }] = await Promise.all([get(["catalogue", segments[1]], {}, signal), get("profiles", {}, signal)]);
  replace(
    view,
    pageHead({
      crumbs: [["Catalogue", ["catalogue"]]],
      title: entry.name,
      text: entry.description,
      facts: el("span", { class: "tag" }, entry.category),
    }),
    el(
      "div",
      { class: "columns" },
      el("div", { class: "stack" }, startCard(entry, profiles, signal)),
      el("div", { class: "stack" }, rolesCard("Takes", entry.inputs ?? []), rolesCard("Makes", entry.outputs ?? []), tasksCard(entry)),
    ),
  );
}

function rolesCard(title, roles) {
  if (!roles.length) return null;
  const need = (role) => (role.instead_of ? `in place of ${role.instead_of}` : "optional");
  const notes = (role) =>
    [role.required === false || role.optional ? need(role) : "", role.many ? "several" : ""].filter(Boolean).join(", ");
  const row = (role) =>
    el(
      "li",
      {},
      el(
        "span",
        { class: "text" },
        el("code", {}, role.name),
        el("span", { class: "detail" }, [role.description, notes(role)].filter(Boolean).join(" · ")),
      ),
      role.kind ? kindMark(role.kind) : null,
    );
  return card(title, el("ul", { class: "rows" }, roles.map(row)));
}

function tasksCard(entry) {
  if (!entry.tasks?.length) return null;
  const link = (name) => el("li", {}, el("a", { href: href(["catalogue", name]) }, name));
  return card("Tasks", el("ul", { class: "rows" }, entry.tasks.map(link)));
}

/** The form, and below it the plan: what would be reused, and what would be computed. */
function startCard(entry, profiles, signal) {
  const isTask = entry.category === "task";
  const described = (field) => ({ ...field, title: field.name });
  const all = [...(entry.parameters ?? []), ...(entry.labels ?? [])].map(described);
  const first = all.filter(isAskedFirst);
  const others = all.filter((field) => !isAskedFirst(field));
  const roles = isTask ? (entry.inputs ?? []).map(roleField) : [];
  const controls = Object.fromEntries(
    Object.entries({ first, others, roles }).map(([part, fields]) => [part, fields.map((field) => control(field))]),
  );
  const filters = isTask ? filterFields(signal) : null;
  const profile = el("select", { id: uniqueId("profile") }, profiles.map((name) => el("option", { value: name }, name)));
  const reuse = el("input", { type: "checkbox", checked: true, id: uniqueId("reuse") });
  const answer = el("div", { "aria-live": "polite" });

  function request() {
    const given = readAll([...controls.roles, ...controls.first, ...controls.others]);
    // What a task takes is one list of names: its files, parameters and labels.
    const asked = isTask ? { filters: filters.read(), inputs: given } : { arguments: given };
    return { name: entry.name, ...asked, profile: profile.value, reuse: reuse.checked };
  }

  const ask = (work) => async (event) => {
    const pressed = event.currentTarget;
    replace(answer);
    pressed.disabled = true;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FieldError)) replace(answer, errorNotice(error));
    } finally {
      pressed.disabled = false;
    }
  };
  const plan = ask(async () => replace(answer, planShown(await send("POST", "plan", request()))));
  const start = ask(async () => {
    const asked = request();
    const { run, computed } = await send("POST", "runs", asked);
    if (computed) return go(["runs", run.run_id]);
    // Nothing was started: earlier runs had made all of it.
    const maker = run.run_id ? linkButton("The run that made it", "runs", href(["runs", run.run_id])) : null;
    return replace(answer, el("div", { class: "stack" }, planShown(await send("POST", "plan", asked)), maker));
  });

  return card(
    "Start",
    el(
      "div",
      { class: "body stack loose" },
      filters?.element,
      folded("Inputs by name", controls.roles),
      group(controls.first),
      folded(`${format.count(others.length, "more parameter")}`, controls.others),
      el(
        "div",
        { class: "form" },
        el("div", { class: "field" }, el("label", { for: profile.id }, "Profile"), profile, el("span", { class: "hint" }, "Where its tasks run.")),
        el(
          "div",
          { class: "field" },
          el("span", { class: "label" }, "Reuse"),
          el("label", { class: "choice", for: reuse.id }, reuse, "Do not compute again what is there"),
        ),
      ),
      el("div", { class: "actions" }, button("Start", "play", start, "main"), button("Show the plan", "list", plan)),
      answer,
    ),
  );
}

function isAskedFirst(field) {
  return Boolean(field.required) || ["build", "samples", "sample_ids", "sample_id", "cohort_id"].includes(field.name);
}

function roleField(role) {
  return {
    name: role.name,
    title: role.name,
    type: role.many ? "array" : "string",
    unit: role.kind,
    description: [role.description, role.many ? "CIDs" : "A CID, or the id of a record", "Empty: found by the filters"]
      .filter(Boolean)
      .map(sentence)
      .join(" "),
  };
}

function group(controls) {
  return controls.length ? el("div", { class: "form" }, controls.map((each) => each.element)) : null;
}

function folded(title, controls) {
  if (!controls.length) return null;
  return el("details", {}, el("summary", {}, title), group(controls));
}

/** Which assets a task takes: keys and values, of which each counts for the kinds that have it. */
function filterFields(signal) {
  const keys = el("datalist", { id: uniqueId("keys") });
  get("keys", {}, signal).then(({ keys: found }) => replace(keys, found.map((key) => el("option", { value: key }))), () => {});
  const lines = keyLines({
    key: { label: "Field", example: "sample_id" },
    example: "NA12829",
    add: "Add a filter",
    keys: keys.id,
  });
  return {
    element: el("fieldset", {}, el("legend", {}, "Which assets"), lines.element, keys),
    read: () => {
      const said = {};
      // A field that is named again may have any of these values.
      for (const [key, value] of lines.read()) said[key] = key in said ? [said[key], value].flat() : value;
      return said;
    },
  };
}

function planShown({ steps, notes, parameters, inputs }) {
  const todo = steps.filter((step) => !step.reused).length;
  const columns = [
    { key: "stage", label: "Step", cell: (step) => step.stage },
    { key: "subject", label: "For", cell: (step) => step.subject || "–" },
    { key: "reused", label: "State", cell: (step) => el("span", { class: step.reused ? "state good" : "state busy still" }, step.reused ? "reused" : "computed") },
    { key: "cids", label: "Result", cell: (step) => step.cids.slice(0, 3).map((cid) => cidMark(cid)) },
  ];
  const said = Object.entries(parameters ?? {}).map(([name, value]) => [el("code", {}, name), JSON.stringify(value)]);
  return el(
    "div",
    { class: "stack" },
    notice(
      todo ? "" : "good",
      el("p", { class: "what" }, todo ? `${format.count(todo, "step")} of ${steps.length} would be computed` : "All of it is there: nothing would be computed"),
      notes.map((text) => el("p", {}, text)),
    ),
    steps.length
      ? el("div", { class: "card table-card" }, plainTable("The plan", columns, steps))
      : emptyState("list", "No steps", "There is nothing to do."),
    el("details", {}, el("summary", {}, `Parameters and ${format.count(inputs.length, "input")}`), pairs([...said, ...inputs.map((input) => [input.name, cidMark(input.cid)])])),
  );
}
