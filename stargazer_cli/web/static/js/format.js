// How values are written for people.

const UNITS = ["byte", "kB", "MB", "GB", "TB", "PB"];
const NUMBERS = new Intl.NumberFormat("en-GB");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** 12 345 as "12,345". */
export function number(value) {
  return NUMBERS.format(value);
}

/** "1 asset", "2 assets". */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** A size in bytes as people read it; nothing where it is not known. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (!unit) return count(value, "byte");
  return `${value < 10 ? value.toFixed(1) : number(Math.round(value))} ${UNITS[unit]}`;
}

function parsed(iso) {
  const date = new Date(iso);
  return iso && !Number.isNaN(date.getTime()) ? date : null;
}

/** A day, or the time of day where that is today. */
export function day(iso) {
  const date = parsed(iso);
  if (!date) return iso || "";
  return date.toDateString() === new Date().toDateString() ? `Today ${CLOCK.format(date)}` : DAY.format(date);
}

/** A moment to the second. */
export function moment(iso) {
  const date = parsed(iso);
  return date ? MOMENT.format(date) : iso || "";
}

/** The time of day, to the second. */
export function clock(iso) {
  const date = parsed(iso);
  return date ? SECONDS.format(date) : iso;
}

/** Seconds as "1 h 02 min", "3 min 05 s", "1.2 s". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${number(Math.floor(whole / 3600))} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** How long a run took, or takes until now; nothing where its end is not known. */
export function took({ status, started_at: start, ended_at: end }) {
  const from = parsed(start);
  const to = status === "running" ? new Date() : parsed(end);
  return from && to ? duration(Math.max(0, (to - from) / 1000)) : "";
}

/** A content identifier as its beginning and its end. */
export function shortCid(cid) {
  return cid.length > 20 ? `${cid.slice(0, 9)}…${cid.slice(-6)}` : cid;
}

/** A name in two parts, so that what is too long loses its middle and keeps its suffix. */
export function splitName(name) {
  const keep = Math.min(12, Math.floor(name.length / 2));
  return [name.slice(0, name.length - keep), name.slice(name.length - keep)];
}

/** "sample_id" as "Sample id"; abbreviations stay in capitals. */
export function label(key) {
  const words = key.split("_").map((word) => (ABBREVIATIONS.has(word) ? word.toUpperCase() : word));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const ABBREVIATIONS = new Set(["cid", "id", "qc", "bqsr", "vqsr", "url", "bam", "vcf", "pca", "umap", "hvg"]);
