/** Helpers for elements, and for numbers as text, that many parts of the page use. */

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** New element of `kind` with properties, data attributes and children. */
export function make(kind, { data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Small square in a class's colour. */
export function swatch(colour) {
  const square = make("span", { className: "swatch" });
  square.style.backgroundColor = colour;
  return square;
}

/** A share 0..1 as percent, with a decimal where it is small: "42 %", "0.3 %", "< 0.1 %". */
export function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value >= 9.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

/** Milliseconds as people read them: "3.2 ms", "43 ms", "1.2 s". */
export function duration(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** A budget in two decimals, as its slider has it. */
export function budgetText(budget) {
  return Number(budget).toFixed(2);
}

/** Offer `blob` as a file to save. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // Some browsers read the blob only after the click's task.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
