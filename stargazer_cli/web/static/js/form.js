// Forms made from descriptions of fields: those of an asset's kind, or the parameters of a task or workflow.

import { el, replace, uniqueId } from "./dom.js";
import { label } from "./format.js";
import { button } from "./parts.js";

/**
 * Make the control of a field.
 *
 * `field`: { name, type, required, default, description, unit, choices, minimum, above, maximum }, of which only name
 * and type must be there; types are string, integer, number, boolean, array and object (the last two also as JSON).
 * Returns { name, element, read(), fail(text) }: `read` gives the typed value, undefined where nothing was said, and
 * throws what is wrong, which the field then shows too.
 */
export function control(field, value = undefined) {
  const id = uniqueId("field");
  const kind = CONTROLS[field.type] ?? CONTROLS.string;
  const input = (field.choices?.length ? choiceInput : kind.input)(field, value);
  const wrong = el("span", { class: "wrong", id: `${id}-wrong` });
  const hint = hintText(field);
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-hint ${id}-wrong`);
  if (field.required) input.setAttribute("aria-required", "true");

  function fail(text) {
    replace(wrong, text);
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function read() {
    fail("");
    try {
      const said = kind.read(input.value, field);
      if (said === undefined && field.required) throw new FieldError("This is needed.");
      return said;
    } catch (error) {
      if (error instanceof FieldError) fail(error.message);
      throw error;
    }
  }

  const element = el(
    "div",
    { class: "field" },
    el(
      "label",
      { for: id },
      field.title ?? label(field.name),
      field.unit ? el("span", { class: "unit" }, field.unit) : null,
      field.required ? el("span", { class: "needed" }, "needed") : null,
    ),
    input,
    el("span", { class: "hint", id: `${id}-hint` }, hint),
    wrong,
  );
  return { name: field.name, element, input, read, fail };
}

/** What is wrong with a field, as its user reads it. */
export class FieldError extends Error {}

/** Read every control; the first that is wrong takes the focus, and the error says how many there are. */
export function readAll(controls) {
  const values = {};
  const wrong = [];
  for (const each of controls) {
    try {
      const value = each.read();
      if (value !== undefined) values[each.name] = value;
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      wrong.push(each);
    }
  }
  if (wrong.length) {
    wrong[0].input.closest("details")?.setAttribute("open", "");
    wrong[0].input.focus();
    throw new FieldError(`${wrong.length === 1 ? "A field needs" : `${wrong.length} fields need`} another value.`);
  }
  return values;
}

/**
 * Keys and values without a description, one a line; `keys` is the id of a list that offers some.
 *
 * `read` gives [key, value] pairs. What is half said is no answer: left out, it would mean something else.
 */
export function keyLines({ key, example, add, keys = null, values = [] }) {
  const lines = el("div", { class: "stack narrow" });
  const readers = new Map();
  const more = (name = "", value = "") => {
    const wrong = el("span", { class: "wrong", id: uniqueId("wrong") });
    const input = (text, placeholder, now, list = null) =>
      el("input", { "aria-label": text, "aria-describedby": wrong.id, placeholder, value: now, list, autocomplete: "off" });
    const [named, given] = [input(key.label, key.example, name, keys), input("Value", example, value)];
    const away = () => {
      readers.delete(line);
      line.remove();
    };
    const line = el("div", { class: "keyvalue" }, named, given, button("Remove", null, away, "small"), wrong);
    readers.set(line, () => {
      const said = [named.value.trim(), given.value.trim()];
      const half = said.filter(Boolean).length === 1;
      replace(wrong, half ? `A ${key.label.toLowerCase()} and its value go together.` : null);
      if (half) (said[0] ? given : named).focus();
      return half ? null : said;
    });
    lines.append(line);
  };
  for (const [name, value] of values) more(name, value);
  if (!values.length) more();
  return {
    element: el("div", { class: "stack narrow" }, lines, el("div", {}, button(add, "plus", () => more(), "small"))),
    read: () => {
      const said = [...readers.values()].map((reader) => reader());
      if (said.includes(null)) throw new FieldError("A line is half empty.");
      return said.filter(([name]) => name);
    },
  };
}

/** What is said of an asset without a kind: any keys, each of them once. */
export function anyFields(values = {}) {
  const lines = keyLines({
    key: { label: "Key", example: "key" },
    example: "value",
    add: "Add a key",
    values: Object.entries(values),
  });
  const read = () => {
    const said = lines.read();
    const twice = said.map(([name]) => name).find((name, place, names) => names.indexOf(name) !== place);
    if (twice) throw new Error(`${twice} is there twice: an asset has one value of each key.`);
    return Object.fromEntries(said);
  };
  return { element: lines.element, read };
}

function hintText(field) {
  const { default: initial, minimum, above, maximum } = field;
  const hasDefault = initial !== undefined && initial !== null && initial !== "" && !isEmptyList(initial);
  const span = [
    typeof minimum === "number" ? `at least ${minimum}` : "",
    typeof above === "number" ? `above ${above}` : "",
    typeof maximum === "number" ? `at most ${maximum}` : "",
  ];
  const parts = [
    field.description ?? "",
    field.type === "array" ? "Several: with commas between them" : "",
    field.type === "file" ? "A CID, or a path that this server may read" : "",
    span.filter(Boolean).join(", "),
    hasDefault ? `Default: ${typeof initial === "object" ? JSON.stringify(initial) : initial}` : "",
  ];
  return parts.filter(Boolean).map(sentence).join(" ");
}

function isEmptyList(value) {
  return Array.isArray(value) && value.length === 0;
}

/** A text with a capital at its beginning and a stop at its end. */
export function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:!?…]$/.test(whole) ? whole : `${whole}.`;
}

function textInput(attributes = {}) {
  return (_field, value) =>
    el("input", { type: "text", autocomplete: "off", spellcheck: "false", value: value ?? null, ...attributes });
}

function choiceInput(field, value) {
  const blank = field.default !== undefined && field.default !== null && field.default !== "" ? "default" : "not set";
  const options = [["", blank], ...field.choices.filter((choice) => choice !== "").map((choice) => [choice, choice])];
  return select(options, value ?? "");
}

function select(options, chosen) {
  const option = ([value, text]) => el("option", { value, selected: String(value) === String(chosen) }, text);
  return el("select", {}, options.map(option));
}

function asNumber(text, field) {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new FieldError("This must be a number.");
  if (typeof field.minimum === "number" && value < field.minimum) {
    throw new FieldError(`This must be at least ${field.minimum}.`);
  }
  if (typeof field.above === "number" && value <= field.above) {
    throw new FieldError(`This must be above ${field.above}.`);
  }
  if (typeof field.maximum === "number" && value > field.maximum) {
    throw new FieldError(`This must be at most ${field.maximum}.`);
  }
  return value;
}

function asWhole(text, field) {
  const value = asNumber(text, field);
  if (!Number.isInteger(value)) throw new FieldError("This must be a whole number.");
  return value;
}

/** A list: words with commas or on lines of their own, or JSON where it begins with a bracket. */
function asList(text) {
  if (text.trimStart().startsWith("[")) return asJson(text);
  return text
    .split(/[,\n]/)
    .map((word) => word.trim())
    .filter(Boolean);
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new FieldError("This is not JSON.");
  }
}

/** What is left empty was not said. */
function said(read) {
  return (text, field) => (text.trim() === "" ? undefined : read(text.trim(), field));
}

function area(field, value) {
  const text = value === undefined || value === null ? "" : Array.isArray(value) && value.every((each) => typeof each === "string" && !/[,\n]/.test(each)) ? value.join(", ") : JSON.stringify(value);
  const input = el("textarea", { rows: 1, spellcheck: "false" });
  input.value = text;
  return input;
}

const CONTROLS = {
  string: { input: textInput(), read: said((text) => text) },
  integer: { input: textInput({ inputmode: "numeric" }), read: said(asWhole) },
  number: { input: textInput({ inputmode: "decimal" }), read: said(asNumber) },
  boolean: {
    input: (field, value) =>
      select([["", typeof field.default === "boolean" ? "default" : "not set"], ["true", "yes"], ["false", "no"]], value ?? ""),
    read: said((text) => text === "true"),
  },
  array: { input: area, read: said(asList) },
  object: { input: area, read: said(asJson) },
};
