/** The tabs, and the canvases of the tab that is shown: maps side by side, or one over the photograph. */

import { byId, make } from "./elements.js";
import { KINDS, draw, rangesOf, titleOf } from "./kinds.js";
import { writeNames } from "./names.js";
import { paintPhotograph } from "./painting.js";

const READABLE = ["maps", "overlay"];

/** Let tabs choose `view`, and draw each answer in the view that is open. */
export function mountViews(state) {
  mountTabs(state);
  state.on(["model"], ({ model, answer }) => {
    if (!model) return;
    for (const id of ["overlay-map", "compare-map"]) offer(byId(id), model.maps);
    // Until the first answer empty frames hold its place.
    if (!answer) makeFigures(model.maps);
  });
  state.on(["answer"], ({ answer, ranges, rangesFor }) => {
    if (!answer) return;
    makeFigures(answer.maps);
    // Colours mean the same for one photograph while its budget moves.
    const last = rangesFor === answer.photo.name ? ranges : {};
    state.set({ ranges: rangesOf(answer.maps, last), rangesFor: answer.photo.name });
  });
  state.on(["answer", "view", "highlight", "ranges"], redraw);
  for (const id of ["overlay-map", "overlay-opacity", "overlay-names"]) {
    byId(id).addEventListener("input", () => redraw(state.values));
  }
}

function mountTabs(state) {
  const tabs = [...byId("views").querySelectorAll("[role=tab]")];
  const choose = (tab) => state.set({ view: tab.id.replace("view-", "") });
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  byId("views").addEventListener("keydown", (event) => moveFocus(event, tabs, choose));
  state.on(["view"], ({ view }) => {
    for (const tab of tabs) openTab(tab, tab.id === `view-${view}`);
    byId("readout").hidden = !READABLE.includes(view);
  });
}

function moveFocus(event, tabs, choose) {
  const now = tabs.indexOf(document.activeElement);
  const moves = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: -1 };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = tabs.at(moves[event.key] % tabs.length);
  next.focus();
  choose(next);
}

function openTab(tab, selected) {
  tab.setAttribute("aria-selected", selected);
  tab.tabIndex = selected ? 0 : -1;
  byId(tab.getAttribute("aria-controls")).hidden = !selected;
}

/** Options for the maps; the one chosen stays so where it is among them. */
export function offer(select, maps, ...first) {
  const kept = select.value;
  const options = maps.map(({ name }) => make("option", { value: name, textContent: titleOf(name) }));
  select.replaceChildren(...first, ...options);
  if (maps.some(({ name }) => name === kept)) select.value = kept;
}

/** A figure for each map, kept where the maps are those of before: what has the focus keeps it. */
function makeFigures(maps) {
  const place = byId("figures");
  const made = [...place.querySelectorAll("[data-map]")].map(({ dataset }) => `${dataset.map} ${dataset.kind}`);
  if (made.join() === maps.map(({ name, kind }) => `${name} ${kind}`).join()) return;
  place.replaceChildren(place.firstElementChild, ...maps.map(figureOf));
}

function figureOf({ name, kind }) {
  const { about = "", topic } = KINDS[kind];
  const canvas = make("canvas", { id: `map-${name}`, width: 640, height: 480, tabIndex: 0 });
  const label = `${titleOf(name)}${topic ? `: ${topic}` : ""}. Arrow keys read what is under the cursor.`;
  const roles = { role: "application", "aria-roledescription": "map", "aria-label": label };
  for (const [attribute, value] of Object.entries(roles)) canvas.setAttribute(attribute, value);
  const title = make("figcaption", { title: about }, `${titleOf(name)} `, make("span", { className: "key" }));
  const frame = make("div", { className: "frame" }, canvas, make("span", { className: "cursor", hidden: true }));
  return make("figure", { className: "map", data: { map: name, kind } }, title, frame);
}

function redraw({ view, answer, highlight, ranges }) {
  if (!answer) return;
  shape(byId("stage"), ratioOf(answer));
  if (view === "maps") drawMaps(answer, { highlight, ranges });
  if (view === "overlay") drawOverlay(answer, { highlight, ranges });
}

/** Of the photograph: that of maps at the network's size differs a little, and the page would jump. */
function ratioOf({ photo, width, height }) {
  return photo.image ? photo.width / photo.height : width / height;
}

/** Wide pictures stand one below the other, tall ones three in a row. */
function shape(stage, ratio) {
  stage.style.setProperty("--ratio", ratio);
  stage.classList.toggle("panorama", ratio > 2.2);
  stage.classList.toggle("portrait", ratio < 0.9);
}

function drawMaps(answer, options) {
  paintPhotograph(byId("photograph"), answer);
  byId("photograph-key").textContent = answer.photo.image ? "" : "not shown: this browser does not read its format";
  for (const map of answer.maps) drawFigure(answer, map, options);
  const notes = answer.maps.map((map) => KINDS[map.kind].note?.(map, answer.meta.budget.share)).filter(Boolean);
  byId("map-notes").textContent = notes.join(" ");
}

function drawFigure(answer, map, options) {
  const canvas = byId(`map-${map.name}`);
  draw(canvas, answer, map, options);
  const enlarged = canvas.clientWidth * devicePixelRatio > canvas.width;
  canvas.classList.toggle("enlarged", Boolean(KINDS[map.kind].sharp) && enlarged);
  canvas.closest(".map").querySelector(".key").replaceChildren(...KINDS[map.kind].key(map, options));
}

function drawOverlay(answer, options) {
  const [canvas, layer] = [byId("overlay-canvas"), document.createElement("canvas")];
  paintPhotograph(canvas, answer);
  const map = answer.maps.find(({ name }) => name === byId("overlay-map").value);
  if (!map) return;
  draw(layer, answer, map, options);
  const context = canvas.getContext("2d");
  context.globalAlpha = Number(byId("overlay-opacity").value);
  context.drawImage(layer, 0, 0);
  context.globalAlpha = 1;
  byId("overlay-names").closest("label").hidden = !KINDS[map.kind].hasClasses;
  if (KINDS[map.kind].hasClasses && byId("overlay-names").checked) writeNames(context, map, answer);
}
