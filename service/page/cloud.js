/** The 3-D view: distances as points in the colours of the photograph or of classes, which drag or keys turn. */

import { byId, make } from "./elements.js";
import { draw, withClasses, withDistances } from "./kinds.js";
import { paintPhotograph } from "./painting.js";
import { FIELD_OF_VIEW_DEGREES, PointDrawing, pointsOf } from "./points.js";
import { offer } from "./views.js";

// A little from the side: straight on, the cloud looks like the photograph.
const START = { yaw: 0.35, pitch: 0, zoom: 1 };
const STEP = Math.PI / 36;
const STEEPEST = (85 * Math.PI) / 180;
const ZOOM = { least: 0.2, most: 8, step: 1.15 };
const KEYS = {
  ArrowLeft: (view) => ({ yaw: view.yaw - STEP }),
  ArrowRight: (view) => ({ yaw: view.yaw + STEP }),
  ArrowUp: (view) => ({ pitch: view.pitch - STEP }),
  ArrowDown: (view) => ({ pitch: view.pitch + STEP }),
  "+": (view) => ({ zoom: view.zoom * ZOOM.step }),
  "=": (view) => ({ zoom: view.zoom * ZOOM.step }),
  "-": (view) => ({ zoom: view.zoom / ZOOM.step }),
  0: () => START,
  Home: () => START,
};
const HELP =
  `Point cloud of the distances, by a camera taken to see ${FIELD_OF_VIEW_DEGREES} degrees from left to right. ` +
  "Drag or arrow keys turn it, the wheel or plus and minus come closer or go away, 0 goes back to the start.";
const MISSING = "This browser offers no WebGL 2, which the point cloud needs.";

/** Draw the cloud of each answer while its view is open; a model without distances has none, and the view says so. */
export function mountCloud(state) {
  let cloud = null;
  const update = () => {
    const { view, answer, highlight } = state.values;
    const distances = answer && withDistances(answer.maps);
    if (view !== "cloud" || !distances) return;
    // Only now: few visitors open it, and a WebGL context is dear.
    cloud ??= new PointCloud(byId("cloud"));
    if (cloud.supported) cloud.show(pictureOf(answer, distances, byId("cloud-colour").value, highlight));
  };
  byId("cloud-colour").addEventListener("change", update);
  byId("cloud-reset").addEventListener("click", () => cloud?.reset());
  state.on(["model"], ({ model }) => model && offerCloud(model));
  state.on(["view", "answer", "highlight"], update);
}

function offerCloud({ name, maps }) {
  const distances = withDistances(maps);
  const missing = `No 3-D view: it needs a map of distances, and ${name} has none.`;
  byId("cloud-missing").textContent = distances ? "" : missing;
  for (const part of byId("panel-cloud").children) part.hidden = (part.id === "cloud-missing") === Boolean(distances);
  offer(byId("cloud-colour"), withClasses(maps), make("option", { value: "", textContent: "Photograph" }));
}

function pictureOf(answer, distances, colour, highlight) {
  const canvas = document.createElement("canvas");
  const map = withClasses(answer.maps).find(({ name }) => name === colour);
  if (map) draw(canvas, answer, map, { highlight });
  else paintPhotograph(canvas, answer);
  const { width, height } = answer;
  const colours = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return { distances: distances.values, width, height, colours };
}

class PointCloud {
  #canvas;
  #drawing;
  #view = { ...START };
  #pointers = new Map();
  #frame = 0;
  #listening = new AbortController();
  #sizes = new ResizeObserver(() => this.#redraw());

  constructor(canvas) {
    this.#canvas = canvas;
    this.#drawing = PointDrawing.on(canvas);
    canvas.setAttribute("role", this.supported ? "application" : "img");
    canvas.setAttribute("aria-label", this.supported ? HELP : MISSING);
    if (!this.supported) return sayWhy(canvas);
    canvas.tabIndex = 0;
    // A finger turns the points instead of moving the page.
    canvas.style.touchAction = "none";
    this.#listen();
    this.#sizes.observe(canvas);
  }

  get supported() {
    return this.#drawing !== null;
  }

  /** Shows a picture's points from where they are looked at now; colours are RGBA. */
  show(picture) {
    if (!this.supported) return;
    this.#drawing.load(pointsOf(picture));
    this.#redraw();
  }

  /** Looks from where the photograph was taken. */
  reset() {
    this.#look(START);
  }

  dispose() {
    this.#listening.abort();
    this.#sizes.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#drawing?.dispose();
  }

  #listen() {
    const on = (name, react) =>
      this.#canvas.addEventListener(name, react, { signal: this.#listening.signal, passive: false });
    on("pointerdown", (event) => this.#press(event));
    on("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.#pointers.delete(event.pointerId));
    on("wheel", (event) => this.#wheel(event));
    on("keydown", (event) => this.#pressKey(event));
    // Without this the browser gives up the canvas for ever.
    on("webglcontextlost", (event) => event.preventDefault());
    on("webglcontextrestored", () => this.#restore());
  }

  #press(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) return;
    const apart = this.#apart();
    this.#pointers.set(event.pointerId, event);
    if (apart > 0) {
      this.#look({ zoom: (this.#view.zoom * this.#apart()) / apart });
      return;
    }
    // Half a turn from one edge to the other.
    const speed = Math.PI / this.#canvas.clientWidth;
    this.#look({
      yaw: this.#view.yaw + speed * (event.clientX - before.clientX),
      pitch: this.#view.pitch + speed * (event.clientY - before.clientY),
    });
  }

  /** How far two fingers are from each other; 0 where there is but one. */
  #apart() {
    const [first, second] = this.#pointers.values();
    return second ? Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY) : 0;
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY : event.deltaY / 40;
    this.#look({ zoom: this.#view.zoom * Math.exp(-lines / 12) });
  }

  #pressKey(event) {
    const change = KEYS[event.key];
    if (change === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#look(change(this.#view));
  }

  #look(change) {
    const view = { ...this.#view, ...change };
    view.pitch = clamp(view.pitch, -STEEPEST, STEEPEST);
    view.zoom = clamp(view.zoom, ZOOM.least, ZOOM.most);
    this.#view = view;
    this.#redraw();
  }

  #restore() {
    this.#drawing.restore();
    this.#redraw();
  }

  #redraw() {
    if (!this.supported || this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth, clientHeight } = this.#canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    const width = Math.round(clientWidth * devicePixelRatio);
    const height = Math.round(clientHeight * devicePixelRatio);
    // Setting a size, even the same, empties the canvas.
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#drawing.draw(this.#view);
  }
}

function sayWhy(canvas) {
  const context = canvas.getContext("2d");
  context.font = "16px sans-serif";
  context.textAlign = "center";
  context.fillStyle = getComputedStyle(canvas).color;
  context.fillText(MISSING, canvas.width / 2, canvas.height / 2);
}

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}
