// The frame of the page and the way to each of its parts.

import { ApiError, session, UNREACHABLE } from "./api.js";
import { el, replace } from "./dom.js";
import { icon } from "./icons.js";
import { announce, errorNotice, learnFamilies, loading, pageHead } from "./parts.js";
import { current, href } from "./route.js";

const WAYS = [
  ["assets", "Assets", "assets"],
  ["runs", "Runs", "runs"],
  ["catalogue", "Catalogue", "catalogue"],
  ["upload", "Upload", "upload"],
];

// Each part: what its address looks like, and the module that draws it.
const PAGES = [
  [/^$/, () => import("./pages/assets.js")],
  [/^assets$/, () => import("./pages/assets.js")],
  [/^assets\/[^/]+$/, () => import("./pages/asset.js")],
  [/^graph\/[^/]+$/, () => import("./pages/graph.js")],
  [/^cid\/[^/]+$/, () => import("./pages/cid.js")],
  [/^upload$/, () => import("./pages/upload.js")],
  [/^runs$/, () => import("./pages/runs.js")],
  [/^runs\/[^/]+$/, () => import("./pages/run.js")],
  [/^catalogue$/, () => import("./pages/catalogue.js")],
  [/^catalogue\/[^/]+$/, () => import("./pages/entry.js")],
];

const content = document.getElementById("content");
let left = new AbortController();

/** Draw the place that the address names; what the one before still waits for is given up. */
async function show({ first = false } = {}) {
  left.abort();
  // A question about the place before is no question about this one.
  for (const question of document.querySelectorAll("dialog")) question.close();
  const { signal } = (left = new AbortController());
  const { segments, query } = current();
  mark(segments[0] ?? "assets");
  const shape = segments.map((segment) => encodeURIComponent(segment)).join("/");
  const found = PAGES.find(([pattern]) => pattern.test(shape));
  const view = el("div", {}, loading());
  replace(content, view);
  window.scrollTo(0, 0);
  try {
    if (!found) throw new ApiError({ message: `There is no page ${location.hash}.`, hint: "Its parts are: Assets, Runs, Catalogue, Upload." }, 404);
    const page = await found[1]().catch(() => {
      throw new ApiError(UNREACHABLE);
    });
    const known = await session();
    learnFamilies(known.families);
    if (signal.aborted) return;
    await page.show(view, { segments, query, signal });
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    const title = error.status === 404 ? "Not found" : "This cannot be shown";
    replace(view, pageHead({ title }), errorNotice(error));
  }
  const title = view.querySelector("h1")?.textContent;
  if (signal.aborted || !title) return; // it was left, or led elsewhere
  document.title = `${title} · Stargazer`;
  if (!first) {
    announce(title);
    content.focus({ preventScroll: true });
  }
}

function mark(part) {
  for (const link of document.querySelectorAll(".ways a")) {
    if (link.dataset.part === part) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function frame() {
  const way = ([part, name, drawing]) =>
    el("li", {}, el("a", { href: href([part]), "data-part": part }, icon(drawing), name));
  const place = el("div", { class: "store-place" });
  session().then((known) => replace(place, el("strong", {}, known.store), `Stargazer ${known.version}`), () => {});
  replace(
    document.getElementById("sky"),
    el("a", { class: "brand", href: href(["assets"]) }, icon("star"), el("span", {}, "Stargazer")),
    el("nav", { "aria-label": "Parts of this page" }, el("ul", { class: "ways" }, WAYS.map(way))),
    el("div", { class: "sky-foot" }, place, themes()),
  );
}

function themes() {
  const choices = [
    ["", "As the system has it", "system"],
    ["light", "Light", "sun"],
    ["dark", "Dark", "moon"],
  ];
  const chosen = () => document.documentElement.dataset.theme ?? "";
  const buttons = choices.map(([theme, text, drawing]) => {
    const choose = () => {
      if (theme) document.documentElement.dataset.theme = theme;
      else delete document.documentElement.dataset.theme;
      localStorage.setItem("stargazer-theme", theme);
      for (const [number, each] of buttons.entries()) each.setAttribute("aria-pressed", choices[number][0] === theme);
    };
    return el(
      "button",
      { type: "button", "aria-label": text, title: text, "aria-pressed": theme === chosen(), onclick: choose },
      icon(drawing),
    );
  });
  return el("div", { class: "themes", role: "group", "aria-label": "Theme" }, buttons);
}

// The address is that of a page, so this link cannot be one of the usual kind.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});

frame();
// The other parts are brought once the first is there: where the server is gone by then, they can still say so.
show({ first: true }).finally(() => {
  for (const [, bring] of PAGES) bring().catch(() => {});
});
window.addEventListener("hashchange", () => show());
