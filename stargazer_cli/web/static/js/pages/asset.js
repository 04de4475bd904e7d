// One asset: what it is, what it came from, what belongs to it, and what can be done with it.

import { address, get, kinds, send } from "../api.js";
import { el, pause, replace } from "../dom.js";
import { anyFields, control, readAll } from "../form.js";
import * as format from "../format.js";
import {
  announce,
  button,
  card,
  cidMark,
  confirm,
  copyButton,
  errorNotice,
  kindMark,
  linkButton,
  loading,
  nameText,
  pageHead,
  pairs,
  stateMark,
  toast,
} from "../parts.js";
import { go, href } from "../route.js";

export async function show(view, { segments, signal }) {
  const [asset, known] = await Promise.all([get(["assets", segments[1]], {}, signal), kinds()]);
  const kind = known.get(asset.kind);
  const again = () => show(view, { segments, signal });
  replace(
    view,
    pageHead({
      crumbs: [["Assets", ["assets"]]],
      title: asset.name || "Without a name",
      facts: facts(asset),
      actions: actions(asset, kind, again, signal),
    }),
    el(
      "div",
      { class: "columns" },
      el("div", { class: "stack" }, metadataCard(asset, kind), asset.viewable ? reportCard(asset) : previewCard(asset, signal)),
      el("div", { class: "stack" }, companionsCard(asset), runsCard(asset), originCard(asset), usesCard(asset), recordCard(asset)),
    ),
  );
}

function facts(asset) {
  return [
    kindMark(asset.kind),
    asset.size !== null ? el("span", {}, format.size(asset.size)) : null,
    el("span", {}, "added ", el("time", { datetime: asset.created_at }, format.moment(asset.created_at))),
    asset.here ? null : el("span", { class: "state warn" }, "Bytes not in this store"),
    cidMark(asset.cid, { linked: false }),
  ];
}

function actions(asset, kind, again, signal) {
  const view = { target: "_blank", rel: "noopener" };
  return [
    asset.here
      ? linkButton("Download", "download", address(["assets", asset.id, "download"]), "main", { download: asset.name })
      : button("Fetch", "download", (event) => fetchBytes(asset, event.currentTarget, again, signal), "main"),
    asset.viewable ? linkButton("Open report", "external", address(["assets", asset.id, "view"]), "", view) : null,
    linkButton("Provenance", "graph", href(["graph", asset.cid])),
    button("Edit", "edit", () => edit(asset, kind, again)),
    button("Delete", "trash", () => remove(asset), "danger"),
  ];
}

async function fetchBytes(asset, place, again, signal) {
  place.disabled = true;
  try {
    let job = await send("POST", `assets/${encodeURIComponent(asset.id)}/fetch`);
    while (job.status === "running") {
      await pause(700, signal);
      job = await get(["jobs", job.id], {}, signal);
      place.lastChild.textContent = job.total ? `Fetching ${Math.floor((100 * job.done) / job.total)} %` : "Fetching…";
    }
    if (job.error) throw Object.assign(new Error(job.error.message), job.error);
    toast(`${asset.name} is here.`);
    again();
  } catch (error) {
    if (error.name === "AbortError") return;
    place.disabled = false;
    place.lastChild.textContent = "Fetch";
    confirm({ title: "The bytes cannot be fetched", children: errorNotice(error), yes: "Close", work: () => {} });
  }
}

function metadataCard(asset, kind) {
  const links = new Map(asset.links.map((link) => [link.field, link]));
  const names = kind ? kind.fields : Object.keys(asset.keyvalues).map((name) => ({ name }));
  const known = names.filter(({ name }) => name !== "asset");
  const line = (field) => [
    field.label ?? field.name,
    links.has(field.name) ? linkValue(links.get(field.name)) : plainValue(asset.keyvalues[field.name]),
  ];
  const set = known.filter(({ name }) => asset.keyvalues[name] !== undefined);
  const unset = known.filter(({ name }) => asset.keyvalues[name] === undefined);
  const absent = unset.map((field) => field.label ?? field.name).join(", ");
  return card("Metadata", [
    asset.description ? el("p", { class: "lead" }, asset.description) : null,
    set.length ? pairs(set.map(line)) : el("p", { class: "lead" }, "Nothing is said of it."),
    absent ? el("p", { class: "foot" }, `Not set: ${absent}.`) : null,
  ]);
}

function plainValue(text) {
  if (text === "true" || text === "false") return text === "true" ? "yes" : "no";
  if (text?.startsWith("[")) {
    try {
      return el("span", { class: "chips bare" }, JSON.parse(text).map((each) => el("span", { class: "tag" }, String(each))));
    } catch {
      return text;
    }
  }
  return text;
}

function linkValue(link) {
  const [first, ...others] = link.assets;
  if (!first) return [cidMark(link.cid), el("span", { class: "unset" }, " not recorded here")];
  return [
    el("a", { href: href(["assets", first.id]) }, nameText(first.name)),
    others.length ? el("a", { href: href(["assets"], { where: `cid=${link.cid}` }) }, `and ${format.count(others.length, "record")} more`) : null,
  ];
}

function previewCard(asset, signal) {
  const body = el("div", {}, loading());
  const shown = card("First lines", body);
  if (!asset.here) {
    shown.hidden = true;
    return shown;
  }
  get(["assets", asset.id, "preview"], {}, signal).then(
    ({ text, truncated }) => {
      if (text === null) replace(body, el("p", { class: "lead" }, "This is no text: download it to look at it."));
      else {
        replace(
          body,
          el("pre", { class: "log", tabindex: "0", "aria-label": "First lines" }, text),
          truncated ? el("p", { class: "foot" }, "The file goes on.") : null,
        );
      }
    },
    (error) => {
      if (error.name !== "AbortError") replace(body, el("div", { class: "body" }, errorNotice(error)));
    },
  );
  return shown;
}

function reportCard(asset) {
  return card(
    "Report",
    el("iframe", {
      class: "report",
      title: asset.name,
      sandbox: "allow-scripts",
      loading: "lazy",
      src: address(["assets", asset.id, "view"]),
    }),
  );
}

function assetRow(asset, detail) {
  return el(
    "li",
    {},
    el(
      "span",
      { class: "text" },
      el("a", { href: href(["assets", asset.id]) }, nameText(asset.name || asset.cid)),
      detail ? el("span", { class: "detail" }, detail) : null,
    ),
    kindMark(asset.kind),
  );
}

function rows(items) {
  return el("ul", { class: "rows" }, items);
}

function companionsCard(asset) {
  if (!asset.companions.length) return null;
  return card("Companions", rows(asset.companions.map((each) => assetRow(each))));
}

function runsCard(asset) {
  if (!asset.runs.length) return null;
  const row = (run) =>
    el(
      "li",
      {},
      el(
        "span",
        { class: "text" },
        run.status ? el("a", { href: href(["runs", run.run_id]) }, nameText(run.run_id)) : nameText(run.run_id),
        el("span", { class: "detail" }, run.status ? format.moment(run.started_at) : "its record is gone"),
      ),
      run.status ? stateMark(run.status) : null,
    );
  return card("Made by", rows(asset.runs.map(row)));
}

function originCard(asset) {
  if (!asset.derived_from.length) return null;
  const body = el("ul", { class: "rows" });
  const row = (node) =>
    node.id
      ? assetRow({ id: node.id, name: node.name, cid: node.cid, kind: node.kind })
      : el("li", {}, cidMark(node.cid), el("span", { class: "unset" }, "not recorded here"));
  get(["graph", asset.cid], { direction: "up", limit: 500 }).then(({ nodes }) => {
    const named = new Map(nodes.map((node) => [node.cid, node]));
    const ordered = asset.derived_from.map((cid) => named.get(cid) ?? { cid, name: "" });
    replace(body, ordered.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })).map(row));
  }, () => replace(body, asset.derived_from.map((cid) => row({ cid }))));
  const title = `Made from ${format.count(asset.derived_from.length, "file")}`;
  return card(title, body, { tools: linkButton("Graph", "graph", href(["graph", asset.cid]), "small") });
}

function usesCard(asset) {
  if (!asset.linked_by.length) return null;
  const others = Map.groupBy(asset.linked_by, ({ asset: other }) => other.id);
  const more = asset.linked_by_total - asset.linked_by.length;
  const ways = (links) => links.map(({ field }) => format.label(field)).join(", ");
  return card(`Linked by ${format.count(more > 0 ? asset.linked_by_total : others.size, "asset")}`, [
    rows([...others.values()].map((links) => assetRow(links[0].asset, ways(links)))),
    more > 0 ? el("p", { class: "foot" }, `and ${format.number(more)} more`) : null,
  ]);
}

function recordCard(asset) {
  const whole = (text, what) => el("span", { class: "whole" }, el("code", {}, text), copyButton(text, what));
  return card("Record", [
    pairs(
      [
        ["CID", whole(asset.cid, "CID")],
        ["Record", whole(asset.id, "record id")],
        asset.recipe ? ["Recipe", whole(asset.recipe, "recipe")] : null,
        asset.owner ? ["Owner", asset.owner] : null,
      ].filter(Boolean),
    ),
    asset.records.length
      ? [el("p", { class: "foot" }, "The same bytes are recorded as:"), rows(asset.records.map((each) => assetRow(each)))]
      : null,
  ]);
}

/** Change what is said of an asset: the fields of its kind, or any keys of an asset without one. */
function edit(asset, kind, again) {
  const now = (name) => asset.keyvalues[name];
  const form = kind
    ? fieldsOf(kind, now)
    : anyFields(Object.fromEntries(Object.entries(asset.keyvalues).filter(([name]) => name !== "asset")));
  return confirm({
    title: `Edit ${asset.name || "asset"}`,
    text: "Its bytes stay as they are; only what is said of them changes.",
    children: form.element,
    yes: "Save",
    work: async () => {
      const said = form.read();
      const names = new Set([...(form.names ?? Object.keys(said)), ...Object.keys(asset.keyvalues)]);
      names.delete("asset");
      const changes = {};
      for (const name of names) {
        const value = said[name] ?? null;
        if (!means(now(name) ?? null, value)) changes[name] = value;
      }
      if (!Object.keys(changes).length) return;
      const changed = await send("PATCH", `assets/${encodeURIComponent(asset.id)}`, { keyvalues: changes });
      toast("Saved.");
      if (changed.id === asset.id) again();
      else go(["assets", changed.id]);
    },
  });
}

/** Whether a stored text is a value: of lists and numbers there are several ways to write the same. */
function means(text, value) {
  if (text === null || value === null || typeof value === "string") return text === value;
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}

/** The fields of a kind as a form; also what the upload asks. */
export function fieldsOf(kind, now = () => undefined) {
  const controls = kind.fields
    .filter(({ name }) => name !== "asset")
    .map((field) =>
      control(
        {
          ...field,
          type: field.type === "list" ? "array" : field.type,
          title: field.label,
          description: field.link ? `CID of ${field.links_to ? `the ${field.links_to}` : "another asset"}` : "",
        },
        listed(field, now(field.name)),
      ),
    );
  return {
    element: el("div", { class: "form" }, controls.map((each) => each.element)),
    names: controls.map((each) => each.name),
    read: () => readAll(controls),
  };
}

function listed(field, text) {
  if (field.type !== "list" || text === undefined) return text;
  try {
    return JSON.parse(text);
  } catch {
    return [text];
  }
}

/** Delete an asset, after a question; where others link to it, the question is asked again with their names. */
async function remove(asset) {
  const body = el("div");
  let force = false;
  const done = await confirm({
    title: `Delete ${asset.name || "this asset"}?`,
    text: "Its record is removed. Its bytes go too, unless another record has them. This cannot be undone.",
    children: body,
    yes: "Delete",
    tone: "danger main",
    work: async () => {
      try {
        const gone = await send("DELETE", `assets/${encodeURIComponent(asset.id)}`, undefined, { force });
        toast(gone.object_removed ? "Deleted, with its bytes." : "Deleted; another record keeps its bytes.");
      } catch (error) {
        if (error.status === 409 && !force) {
          const all = el("input", { type: "checkbox", id: "delete-anyway", onchange: (event) => { force = event.target.checked; } });
          replace(body, el("label", { class: "choice", for: "delete-anyway" }, all, "Delete it all the same: their links will lead nowhere"));
        }
        throw error;
      }
    },
  });
  if (done) {
    announce("Deleted");
    go(["assets"]);
  }
}
