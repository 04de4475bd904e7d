// New files: chosen or dropped here, or lying on the machine of the server; and bundles that are fetched.

import { get, kinds, send, upload } from "../api.js";
import { el, pause, replace, uniqueId } from "../dom.js";
import { anyFields, FieldError } from "../form.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { button, card, cidMark, errorNotice, kindMark, loading, nameText, notice, pageHead, stateMark, toast } from "../parts.js";
import { href } from "../route.js";
import { fieldsOf } from "./asset.js";

export async function show(view, { signal }) {
  const known = await kinds();
  const bundles = el("div", {}, loading());
  replace(
    view,
    pageHead({ title: "Upload", text: "A file is stored under what its bytes are, and found by what is said of it here." }),
    el(
      "div",
      { class: "columns" },
      el("div", { class: "stack" }, uploadCard(known), importCard(known, signal)),
      el("div", { class: "stack" }, card("Bundles", bundles)),
    ),
  );
  showBundles(bundles, signal);
}

/** The choice of a kind, and below it the fields that the kind has. */
function metadataForm(known) {
  const names = [...known.keys()].filter(Boolean).sort();
  const about = el("span", { class: "hint" });
  const place = el("div");
  let form = null;
  const choose = () => {
    const kind = known.get(chosen.value);
    form = kind ? fieldsOf(kind) : anyFields();
    replace(about, kind ? kind.description : "Stargazer looks at the name and the first bytes. Keys that fit the kind may be given.");
    replace(place, form.element);
  };
  const chosen = el(
    "select",
    { id: uniqueId("kind"), onchange: choose },
    el("option", { value: "" }, "Tell by name and content"),
    names.map((name) => el("option", { value: name }, name)),
  );
  choose();
  return {
    element: [el("div", { class: "field" }, el("label", { for: chosen.id }, "Kind"), chosen, about), place],
    kind: () => chosen.value,
    read: () => form.read(),
  };
}

function uploadCard(known) {
  const form = metadataForm(known);
  const chosen = el("ul", { class: "rows" });
  const answer = el("div", { "aria-live": "polite" });
  const bar = el("progress", { max: 1, value: 0, "aria-label": "Share that has been sent" });
  const send = button("Upload", "upload", start, "main");
  const stop = button("Stop", "stop", () => running?.cancel());
  let files = [];
  let running = null;

  function take(more) {
    for (const file of more) {
      // Files of one request are told apart by their names.
      const others = files.filter(({ name }) => name !== file.name);
      if (others.length < files.length) toast(`${file.name} was chosen twice: the later one is taken.`, "warning");
      files = [...others, file];
    }
    draw();
  }

  function draw() {
    replace(chosen, files.map((file) => fileRow(file, () => { files = files.filter((each) => each !== file); draw(); })));
    send.disabled = !files.length || running !== null;
    stop.hidden = running === null;
    bar.hidden = running === null;
  }

  async function start() {
    replace(answer);
    send.disabled = true;
    try {
      const keyvalues = form.read();
      running = await upload("assets", { asset: form.kind(), keyvalues: JSON.stringify(keyvalues) }, files, (share) => {
        bar.value = share;
      });
      draw();
      const stored = await running.done;
      files = [];
      replace(answer, storedNotice(stored));
    } catch (error) {
      if (!(error instanceof FieldError)) replace(answer, errorNotice(error));
    } finally {
      running = null;
      bar.value = 0;
      draw();
    }
  }

  draw();
  return card("Files of this computer", [dropZone(take), chosen, form.element, el("div", { class: "form-foot" }, send, stop, bar), answer].map(spaced), {});
}

function spaced(part) {
  return el("div", { class: "body" }, part);
}

function dropZone(take) {
  const input = el("input", { type: "file", multiple: true, class: "quiet", id: uniqueId("files"), onchange: () => { take(input.files); input.value = ""; } });
  const zone = el(
    "label",
    { class: "drop", for: input.id },
    icon("upload"),
    el("strong", {}, "Choose files, or drop them here"),
    el("span", {}, "Mates and indexes that come together are linked."),
    input,
  );
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    const folder = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).find((entry) => entry?.isDirectory);
    if (folder) toast(`${folder.name} is a folder: drop its files, or add it by its path.`, "warning");
    else take(event.dataTransfer.files);
  });
  return zone;
}

function fileRow(file, remove) {
  const away = el("button", { class: "plain", type: "button", "aria-label": `Leave out ${file.name}`, onclick: remove });
  replace(away, icon("close"));
  return el("li", {}, el("span", { class: "text" }, nameText(file.name)), el("span", { class: "detail" }, format.size(file.size)), away);
}

function storedNotice({ assets, notes }) {
  const row = (asset) =>
    el(
      "li",
      {},
      el("a", { href: href(["assets", asset.id]) }, asset.name),
      " ",
      kindMark(asset.kind),
      asset.status === "notneeded" ? " was here already" : null,
    );
  return notice("good", el("p", { class: "what" }, `${format.count(assets.length, "file")} stored`), el("ul", {}, assets.map(row)), notes.map((text) => el("p", {}, text)));
}

function importCard(known, signal) {
  const form = metadataForm(known);
  const answer = el("div", { "aria-live": "polite" });
  const roots = el("span", { class: "hint" });
  const paths = el("textarea", { id: uniqueId("paths"), rows: 3, spellcheck: "false", placeholder: "/data/run1/NA12829_R1.fq.gz" });
  get("config", {}, signal).then((config) => replace(roots, `One path a line, below ${config.roots.join(" or ")}.`), () => {});
  const add = button("Add", "plus", async () => {
    replace(answer);
    const named = paths.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (!named.length) return paths.focus();
    add.disabled = true;
    try {
      const stored = await send("POST", "assets/import", { paths: named, asset: form.kind() || null, keyvalues: form.read() });
      paths.value = "";
      replace(answer, storedNotice(stored));
    } catch (error) {
      if (!(error instanceof FieldError)) replace(answer, errorNotice(error));
    } finally {
      add.disabled = false;
    }
    return undefined;
  }, "main");
  const body = el(
    "div",
    { class: "body stack" },
    el("p", { class: "detail" }, "Large files that lie where `stargazer browse` runs need not be sent."),
    el("div", { class: "field" }, el("label", { for: paths.id }, "Paths"), paths, roots),
    form.element,
    el("div", {}, add),
    answer,
  );
  return card("Files of the server’s machine", el("details", { class: "folded" }, el("summary", {}, "Add by path"), body));
}

async function showBundles(place, signal) {
  try {
    const { bundles } = await get("bundles", {}, signal);
    replace(place, el("ul", { class: "rows tall" }, bundles.map((bundle) => bundleRow(bundle, signal))));
  } catch (error) {
    if (error.name !== "AbortError") replace(place, el("div", { class: "body" }, errorNotice(error)));
  }
}

function bundleRow(bundle, signal) {
  const here = bundle.files.filter((file) => file.here).length;
  const state = el("span", { class: "detail" }, `${here} of ${format.count(bundle.files.length, "file")} here`);
  const answer = el("div");
  const fetchIt = button("Fetch", "download", async () => {
    fetchIt.disabled = true;
    replace(answer);
    try {
      let job = await send("POST", `bundles/${encodeURIComponent(bundle.name)}/fetch`);
      while (job.status === "running") {
        replace(state, job.total ? `${format.size(job.done)} of ${format.size(job.total)}` : `${format.size(job.done)} so far`);
        await pause(700, signal);
        job = await get(["jobs", job.id], {}, signal);
      }
      if (job.error) throw Object.assign(new Error(job.error.message), job.error);
      replace(state, stateMark("done"));
    } catch (error) {
      if (error.name === "AbortError") return;
      replace(answer, errorNotice(error));
      fetchIt.disabled = false;
    }
  }, "small");
  const files = bundle.files.map((file) => el("li", {}, el("span", { class: "text" }, nameText(file.name)), cidMark(file.cid)));
  return el(
    "li",
    { class: "block" },
    el("div", { class: "line" }, el("span", { class: "text" }, el("strong", {}, bundle.name), el("span", { class: "detail" }, bundle.title)), fetchIt),
    state,
    answer,
    el("details", {}, el("summary", {}, "Files"), el("ul", { class: "rows inner" }, files)),
  );
}
