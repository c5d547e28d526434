/** The legend: classes of the answer by area; one under the pointer or the focus stands out in the map. */

import { byId, make, percent, swatch } from "./elements.js";
import { withClasses } from "./kinds.js";
import { css } from "./painting.js";
import { offer } from "./views.js";

/** Keep the table's rows those of the answer; `highlight` is the class {map, id} pointed at, else the pinned one. */
export function mountLegend(state) {
  const [body, select] = [byId("legend"), byId("legend-map")];
  let pinned = null;
  const classOf = (row) => row && { map: select.value, id: Number(row.dataset.class) };
  const point = (row) => state.set({ highlight: classOf(row) ?? pinned });
  const pin = (found) => {
    pinned = found;
    state.set({ highlight: found });
    mark(body, pinned);
  };
  for (const kind of ["pointerover", "focusin"]) {
    body.addEventListener(kind, (event) => point(event.target.closest("[data-class]")));
  }
  for (const kind of ["pointerleave", "focusout"]) body.addEventListener(kind, () => point(null));
  body.addEventListener("click", (event) => {
    const row = event.target.closest("[data-class]");
    if (row) pin(pinned?.id === Number(row.dataset.class) ? null : classOf(row));
  });
  const show = ({ answer, highlight }) => {
    const maps = answer ? withClasses(answer.maps) : [];
    offerMaps(select, maps);
    const entries = areas(maps.find(({ name }) => name === select.value));
    fill(body, entries);
    if (highlight && !entries.some(({ id }) => id === highlight.id)) pin(null);
    else mark(body, pinned);
  };
  // A class pinned on one photograph would silently hide the others of the next; frames are of one camera.
  state.on(["model"], () => pin(null));
  state.on(["photo"], ({ photo }) => photo?.live || pin(null));
  state.on(["answer"], show);
  select.addEventListener("change", () => {
    pin(null);
    body.replaceChildren();
    show(state.values);
  });
}

/** One map needs no choice, and none no table. */
function offerMaps(select, maps) {
  const names = maps.map(({ name }) => name);
  if ([...select.options].map(({ value }) => value).join() !== names.join()) offer(select, maps);
  select.hidden = names.length < 2;
  select.closest(".card").hidden = names.length === 0;
}

/** Share of the area of each class of a map, largest first: [{id, name, color, share}]. */
function areas({ values, classes } = { values: [], classes: [] }) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < values.length; i += 1) counts[values[i]] += 1;
  const present = classes.filter(({ id }) => counts[id]);
  return present.map((entry) => ({ ...entry, share: counts[entry.id] / values.length })).sort(byShare);
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
    row.querySelector("button").setAttribute("aria-pressed", Number(row.dataset.class) === pinned?.id);
  }
}
