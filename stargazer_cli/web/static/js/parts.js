// Small things that every page is made of.

import { append, el, replace } from "./dom.js";
import { shortCid, splitName } from "./format.js";
import { icon } from "./icons.js";
import { href } from "./route.js";

let families = {};

/** Take over which kinds are shown in one colour, as the server tells it: all that is drawn after has them. */
export function learnFamilies(known) {
  families = known;
}

/** The class that gives a kind its colour; what is no kind has none. */
export function kindClass(kind) {
  return Object.hasOwn(families, kind) ? `kind-${families[kind]}` : "";
}

/** A kind: a dot in the colour of its family, and its name. */
export function kindMark(kind) {
  return el("span", { class: `kind ${kindClass(kind)}`.trim() }, kind || "no kind");
}

const STATES = {
  running: ["busy", "Running"],
  done: ["good", "Done"],
  failed: ["bad", "Failed"],
  interrupted: ["warn", "Interrupted"],
  kept: ["good", "Kept"],
};

/** How a run or a task stands. */
export function stateMark(status) {
  const [tone, text] = STATES[status] ?? ["", status];
  return el("span", { class: `state ${tone}`.trim() }, text);
}

/** A name, whole for readers and pointers; on the page it loses its middle where there is no room. */
export function nameText(name) {
  const part = (text) => el("span", { class: "part", "aria-hidden": "true" }, text);
  return el("span", { class: "name", title: name }, el("span", { class: "quiet" }, name), splitName(name).map(part));
}

/** A button that copies a text, and says so. */
export function copyButton(text, what) {
  const button = el("button", { class: "plain", type: "button", "aria-label": `Copy ${what}`, title: `Copy ${what}` });
  replace(button, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      toast(`${what} cannot be copied: the browser does not allow it.`, "warning");
      return;
    }
    button.classList.add("done");
    replace(button, icon("check"));
    announce(`Copied ${what}`);
    setTimeout(() => {
      button.classList.remove("done");
      replace(button, icon("copy"));
    }, 1500);
  });
  return button;
}

/** A content identifier, shortened, with a link to what it names (unless `linked` is false) and a copy button. */
export function cidMark(cid, { linked = true } = {}) {
  if (!cid) return el("span", { class: "unset" }, "–");
  const short = linked
    ? el("a", { href: href(["cid", cid]), title: cid }, shortCid(cid))
    : el("span", { title: cid }, shortCid(cid));
  return el("span", { class: "cid" }, short, copyButton(cid, "CID"));
}

/** Say what went wrong: the message, what it names, and what to do. */
export function errorNotice(error) {
  return el(
    "div",
    { class: "notice bad", role: "alert" },
    icon("warning"),
    el(
      "div",
      {},
      el("p", { class: "what" }, error.message),
      error.items?.length ? el("ul", {}, error.items.map((item) => el("li", {}, item))) : null,
      error.hint ? el("p", {}, error.hint) : null,
    ),
  );
}

/** A few words in a box: `tone` is "", "good" or "bad". */
export function notice(tone, ...children) {
  const drawing = { good: "check", bad: "warning" }[tone] ?? "info";
  return el("div", { class: `notice ${tone}`.trim() }, icon(drawing), el("div", {}, children));
}

/** What stands where there is nothing yet: why, and what to do about it. */
export function emptyState(drawing, title, text, ...actions) {
  return el(
    "div",
    { class: "empty" },
    icon(drawing),
    el("h2", {}, title),
    el("p", {}, text),
    actions.length ? el("div", { class: "actions" }, actions) : null,
  );
}

/** What stands while something is on its way. */
export function loading(text = "Loading…") {
  return el("p", { class: "loading" }, text);
}

/** The head of a page: where it is, its title, facts below it, what can be done. */
export function pageHead({ crumbs = [], title, text = null, facts = null, actions = [] }) {
  const way = crumbs.map(([name, segments]) => [el("a", { href: href(segments) }, name), el("span", {}, "/")]);
  return el(
    "header",
    { class: "head" },
    el(
      "div",
      { class: "head-text" },
      crumbs.length ? el("nav", { class: "crumbs", "aria-label": "Where this is" }, way) : null,
      el("h1", {}, title),
      text ? el("p", {}, text) : null,
      facts ? el("div", { class: "facts" }, facts) : null,
    ),
    actions.length ? el("div", { class: "actions" }, actions) : null,
  );
}

/** A card with a heading. */
export function card(title, children, { tools = null, padded = false } = {}) {
  const body = padded ? el("div", { class: "body" }, children) : children;
  return el("section", { class: "card" }, el("header", {}, el("h2", {}, title), tools), body);
}

/** Names and their values, one line each; a value may be a node. */
export function pairs(entries) {
  const line = ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  return el("dl", { class: "pairs" }, entries.map(line));
}

/** A button: `tone` is "", "main", "danger" or several. */
export function button(text, drawing, onclick, tone = "") {
  return el("button", { class: `button ${tone}`.trim(), type: "button", onclick }, drawing ? icon(drawing) : null, text);
}

/** A link that looks like a button. */
export function linkButton(text, drawing, address, tone = "", attributes = {}) {
  const all = { class: `button ${tone}`.trim(), href: address, ...attributes };
  return el("a", all, drawing ? icon(drawing) : null, text);
}

/** Tell readers something that others see. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** A short message in the corner, gone after some seconds. */
export function toast(text, drawing = "check") {
  const message = el("div", { class: "toast" }, icon(drawing), el("span", {}, text));
  append(document.getElementById("toasts"), message);
  setTimeout(() => message.remove(), 5000);
}

/**
 * Ask before something is done. `work` runs while the dialog is open; its error is shown there, and the answer can
 * be changed. Resolves to whether it was done.
 */
export function confirm({ title, text, children = [], yes, tone = "main", work }) {
  return new Promise((resolve) => {
    const problem = el("div");
    const go = el("button", { class: `button ${tone}`, type: "submit" }, yes);
    const stay = el("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel");
    let done = false;
    // While it is being done it cannot be called off, and its end must be told.
    const busy = (on) => { for (const each of [go, stay]) each.disabled = on; };
    const dialog = el(
      "dialog",
      {
        "aria-label": title,
        oncancel: (event) => { if (stay.disabled) event.preventDefault(); },
        onclose: () => { dialog.remove(); resolve(done); },
      },
      el(
        "form",
        {
          onsubmit: async (event) => {
            event.preventDefault();
            busy(true);
            try {
              await work();
              done = true;
              dialog.close();
            } catch (error) {
              replace(problem, errorNotice(error));
              busy(false);
            }
          },
        },
        el("h2", {}, title),
        text ? el("p", {}, text) : null,
        children,
        problem,
        el("div", { class: "buttons" }, stay, go),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
