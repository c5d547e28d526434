/** Classes of the answer by area; one under the pointer or the focus stands out in the map. */

import { css } from "./colours.js";
import { byId, make, percent, swatch } from "./elements.js";

/** Keep the table's rows those of the answer; `highlight` is the class pointed at, else the pinned one. */
export function mountLegend(state) {
  const body = byId("legend");
  let pinned = null;
  const point = (row) => state.set({ highlight: row ? Number(row.dataset.class) : pinned });
  for (const kind of ["pointerover", "focusin"]) {
    body.addEventListener(kind, (event) => point(event.target.closest("[data-class]")));
  }
  for (const kind of ["pointerleave", "focusout"]) body.addEventListener(kind, () => point(null));
  body.addEventListener("click", (event) => {
    const row = event.target.closest("[data-class]");
    if (!row) return;
    pinned = pinned === Number(row.dataset.class) ? null : Number(row.dataset.class);
    state.set({ highlight: pinned });
    mark(body, pinned);
  });
  const release = () => {
    pinned = null;
    state.set({ highlight: null });
    mark(body, pinned);
  };
  // A class pinned on one photograph would silently hide the others of the next; frames are of one camera.
  state.on(["model"], release);
  state.on(["photo"], ({ photo }) => photo?.live || release());
  state.on(["answer"], ({ answer, highlight }) => {
    if (!answer) return;
    const entries = areas(answer);
    fill(body, entries);
    if (highlight !== null && !entries.some(({ id }) => id === highlight)) release();
    else mark(body, pinned);
  });
}

/** Share of the area of each class in the semantics, largest first: [{id, name, color, share}]. */
export function areas({ maps, classes }) {
  const labels = maps.semantics ?? new Uint8Array(0);
  const counts = new Uint32Array(256);
  for (let i = 0; i < labels.length; i += 1) counts[labels[i]] += 1;
  const present = classes.filter(({ id }) => counts[id]);
  return present.map((entry) => ({ ...entry, share: counts[entry.id] / labels.length })).sort(byShare);
}

function byShare(first, second) {
  return second.share - first.share;
}

/** Rows are kept and moved, not made anew: what has the focus keeps it while the budget moves. */
function fill(body, entries) {
  const rows = new Map([...body.rows].map((row) => [row.dataset.class, row]));
  const focused = document.activeElement;
  const largest = entries[0]?.share ?? 1;
  const wanted = entries.map((entry) => update(rows.get(String(entry.id)) ?? newRow(entry), entry, largest));
  if (wanted.some((row, i) => body.rows[i] !== row) || body.rows.length !== wanted.length) {
    body.replaceChildren(...wanted);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

function newRow({ id, name, color }) {
  const button = make("button", { type: "button", className: "class-name", textContent: name });
  const bar = make("td", { className: "share" }, make("span", { className: "area" }), make("span"));
  return make("tr", { data: { class: id } }, make("td", {}, swatch(css(color))), make("td", {}, button), bar);
}

function update(row, { share, name }, largest) {
  const [bar, text] = row.querySelectorAll(".share span");
  // The largest ends where the texts begin.
  bar.style.width = `calc(${Math.max(0.02, share / largest)} * (100% - 3.4em))`;
  text.textContent = percent(share);
  const button = row.querySelector("button");
  if (button.textContent !== name) button.textContent = name;
  return row;
}

function mark(body, pinned) {
  for (const row of body.rows) {
    row.querySelector("button").setAttribute("aria-pressed", Number(row.dataset.class) === pinned);
  }
}
