// Line drawings of 20 by 20 units; they take the colour of the text beside them.

import { svg } from "./dom.js";

const PATHS = {
  star: "M10 1.8l2.2 5.3 5.8.5-4.4 3.8 1.3 5.6-4.9-3-4.9 3 1.3-5.6L2 7.6l5.8-.5z",
  assets: "M3.5 5.5c0-1.4 2.9-2.5 6.5-2.5s6.5 1.1 6.5 2.5v9c0 1.4-2.9 2.5-6.5 2.5s-6.5-1.1-6.5-2.5zM3.5 5.5c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5M3.5 10c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5",
  runs: "M10 3a7 7 0 1 0 7 7M10 6v4l2.5 2M13.5 3.5l3.5.5-.5 3.5",
  catalogue: "M4 3.5h5v5H4zM11.5 3.5h5v5h-5zM4 11.5h5v5H4zM14 11.5v5M11.5 14h5",
  upload: "M10 13V4M6.5 7.5L10 4l3.5 3.5M4 13v2.5h12V13",
  download: "M10 4v9M6.5 9.5L10 13l3.5-3.5M4 13.5V16h12v-2.5",
  graph: "M4 4.5h4v3H4zM12 8.5h4v3h-4zM4 12.5h4v3H4zM8 6h2v4h2M8 14h2v-4",
  edit: "M4 16l.8-3.5L13 4.3a1.6 1.6 0 0 1 2.3 0l.4.4a1.6 1.6 0 0 1 0 2.3L7.5 15.2zM11.5 5.8l2.7 2.7",
  trash: "M4 5.5h12M8 5.5V4h4v1.5M5.5 5.5l.7 10.5h7.6l.7-10.5M8.5 8.5v5M11.5 8.5v5",
  copy: "M7.5 7.5h8.5v8.5H7.5zM12.5 7.5V4H4v8.5h3.5",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  close: "M5 5l10 10M15 5L5 15",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.7 12.7L16.5 16.5",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  moon: "M16 12A6.5 6.5 0 0 1 8 4a6.5 6.5 0 1 0 8 8z",
  system: "M3 4.5h14v9H3zM8 16.5h4M10 13.5v3",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  first: "M14 5l-5 5 5 5M6 5v10",
  last: "M6 5l5 5-5 5M14 5v10",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  warning: "M10 3.5L17.5 16.5h-15zM10 8.5v3.5M10 14.2v.1",
  info: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9v4.5M10 6.4v.1",
  play: "M6.5 4.5l8.5 5.5-8.5 5.5z",
  stop: "M5.5 5.5h9v9h-9z",
  external: "M8 4.5H4.5v11h11V12M11.5 4h4.5v4.5M16 4l-6.5 6.5",
  file: "M5.5 3h6l3.5 3.5V17h-9.5zM11.5 3v3.5H15",
  list: "M7 5.5h9.5M7 10h9.5M7 14.5h9.5M3.5 5.5h.1M3.5 10h.1M3.5 14.5h.1",
};

/** A drawing that says nothing by itself: the text or label beside it does. */
export function icon(name, className = "") {
  return svg(
    "svg",
    { class: `icon ${className}`.trim(), viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
