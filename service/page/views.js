/** The tabs, and the canvases of the tab that is shown: maps side by side, or one over the photograph. */

import { gradient, DEPTH, SHARE } from "./colours.js";
import { byId, make } from "./elements.js";
import { depthRange, draw, steadyRange } from "./maps.js";
import { mapsOf } from "./parsing.js";

const MAPS = ["photograph", "semantics", "depth", "normals", "computed"];
const ALL = 0.995;
const PARTLY = "Computed: how much of the optional work was done at each pixel; the rest was left out to save time.";
const EVERYTHING = "Computed: everything, everywhere. Lower the budget to see where the work goes first.";
const READABLE = ["maps", "overlay"];

/** Let tabs choose `view`, and draw each answer in the view that is open. */
export function mountViews(state) {
  const tabs = [...byId("views").querySelectorAll("[role=tab]")];
  const choose = (tab) => state.set({ view: tab.id.replace("view-", "") });
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  byId("views").addEventListener("keydown", (event) => moveFocus(event, tabs, choose));
  state.on(["view"], ({ view }) => {
    for (const tab of tabs) openTab(tab, tab.id === `view-${view}`);
    byId("readout").hidden = !READABLE.includes(view);
  });
  state.on(["model"], ({ model, view }) => {
    if (model) offer(mapsOf(model));
    if (byId(`view-${view}`).disabled) state.set({ view: "maps" });
  });
  state.on(["answer"], ({ answer, range, rangeOf }) => answer && keepRange(state, answer, range, rangeOf));
  state.on(["answer", "view", "highlight", "range"], (values) => redraw(values));
  for (const id of ["overlay-map", "overlay-opacity"]) {
    byId(id).addEventListener("input", () => redraw(state.values));
  }
  byId("normals-key").append(normalsKey());
}

/** Let those maps be chosen that the model has, and the cloud where it has depth. */
function offer(maps) {
  for (const id of ["overlay-map", "compare-map"]) {
    for (const option of byId(id).options) option.disabled = !maps.includes(option.value);
    if (!maps.includes(byId(id).value)) byId(id).value = maps[0];
  }
  byId("view-cloud").disabled = !maps.includes("depth");
}

function moveFocus(event, all, choose) {
  const tabs = all.filter((tab) => !tab.disabled);
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

/** Colours of depth mean the same metres for one photograph while its budget moves. */
function keepRange(state, answer, range, rangeOf) {
  if (!answer.maps.depth) return;
  const fresh = depthRange(answer.maps.depth);
  const last = rangeOf === answer.photo.name ? range : null;
  state.set({ range: steadyRange(last, fresh), rangeOf: answer.photo.name });
}

function redraw({ view, answer, highlight, range }) {
  if (!answer) return;
  shape(byId("stage"), ratioOf(answer));
  if (view === "maps") drawMaps(answer, { highlight, range });
  if (view === "overlay") drawOverlay(answer, { highlight, range });
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
  for (const name of MAPS) {
    const canvas = byId(`map-${name}`);
    const there = name === "photograph" || name in answer.maps;
    canvas.closest(".map").hidden = !there;
    if (there) draw[name](canvas, answer, options);
  }
  // Between two classes there is none: enlarged, their borders stay borders.
  const semantics = byId("map-semantics");
  semantics.classList.toggle("enlarged", semantics.clientWidth * devicePixelRatio > semantics.width);
  byId("computed-note").hidden = !answer.maps.computed;
  byId("computed-note").textContent = answer.meta.budget.share >= ALL ? EVERYTHING : PARTLY;
  drawKeys(answer, options.range);
}

function drawOverlay(answer, options) {
  const [canvas, layer] = [byId("overlay-canvas"), document.createElement("canvas")];
  const name = byId("overlay-map").value;
  draw.photograph(canvas, answer, options);
  if (!(name in answer.maps)) return;
  draw[name](layer, answer, options);
  const context = canvas.getContext("2d");
  context.globalAlpha = Number(byId("overlay-opacity").value);
  context.drawImage(layer, 0, 0);
  context.globalAlpha = 1;
}

function drawKeys(answer, range) {
  byId("photograph-key").textContent = answer.photo.image ? "" : "not shown: this browser does not read its format";
  if (answer.maps.depth) scale(byId("depth-key"), DEPTH, `${range.near.toFixed(1)} m`, `${range.far.toFixed(1)} m`);
  if (answer.maps.computed) scale(byId("computed-key"), SHARE, "none", "all");
}

function scale(place, colours, low, high) {
  const bar = make("span", { className: "ramp" });
  bar.style.backgroundImage = gradient(colours);
  place.replaceChildren(low, bar, high);
}

/** A ball as its normals would be drawn, and which way each colour points. */
function normalsKey() {
  const size = 20;
  const canvas = make("canvas", { width: size, height: size, className: "ball" });
  const normals = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i += 1) {
    const [x, y] = [((i % size) + 0.5) / 10 - 1, (Math.floor(i / size) + 0.5) / 10 - 1];
    normals.set([x, y, Math.sqrt(Math.max(0, 1 - x * x - y * y))], 3 * i);
  }
  draw.normals(canvas, { width: size, height: size, maps: { normals } });
  const words = make("span", { className: "words", textContent: "red → green ↓ blue to camera" });
  return make("span", { className: "key" }, words, canvas);
}
