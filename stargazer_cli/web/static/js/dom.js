// Elements, made by hand. Whatever comes from the store enters the page as a text node, never as markup:
// names and metadata are written by others.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. `attributes`: `on…` functions are listeners, `true` is an attribute without a value, `false`,
 * `null` and `undefined` leave it out. Children: nodes, text, lists of them; empty ones are left out.
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing; as `el`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Add children to an element; what is no node becomes text. */
export function append(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(plain(String(child))));
  }
}

/** A text whose letters stand in their order: marks that turn it round would let `exe.gpj` be read as `jpg.exe`. */
function plain(text) {
  return text.replace(/[\u202A-\u202E\u2066-\u2069]/g, "\uFFFD");
}

/** Put these children in place of what an element holds. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

let made = 0;

/** An id that no other element has, for labels and descriptions. */
export function uniqueId(stem) {
  made += 1;
  return `${stem}-${made}`;
}

/** Call `work` once, `milliseconds` after the last call. */
export function debounce(work, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}

/** A pause that ends early, by an AbortError, when the signal says so. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}
