/** The readout: what the maps hold at one pixel, under the pointer or moved by arrow keys on a focused map. */

import { byId, make } from "./elements.js";
import { KINDS, titleOf } from "./kinds.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SPEAK_AFTER_MS = 350;

/** Keep `cursor` {x, y}, a place in 0..1 of the maps, where pointer or keys are, and read it out. */
export function mountReadout(state) {
  // On what holds them all: the canvases come and go with a model's maps.
  const on = (kind, react) =>
    byId("stage").addEventListener(kind, (event) => event.target.matches(READABLE) && react(event));
  for (const kind of ["pointermove", "pointerdown"]) on(kind, (event) => state.set({ cursor: placeOf(event) }));
  on("pointerout", ({ pointerType, target }) => {
    if (pointerType === "mouse" && document.activeElement !== target) state.set({ cursor: null });
  });
  on("keydown", (event) => move(state, event));
  on("focusin", () => state.set({ cursor: state.values.cursor ?? { x: 0.5, y: 0.5 } }));
  state.on(["cursor", "answer"], ({ cursor, answer }) => show(cursor, answer));
}

const READABLE = ".map canvas[role=application]";

/** The pixel at `cursor` in maps of this size: {x, y, at}, the last its index. */
function pixelAt({ width, height }, cursor) {
  const x = Math.min(width - 1, Math.floor(cursor.x * width));
  const y = Math.min(height - 1, Math.floor(cursor.y * height));
  return { x, y, at: y * width + x };
}

function placeOf(event) {
  const box = event.target.getBoundingClientRect();
  const part = (value, length) => Math.min(Math.max(value / length, 0), 0.999999);
  return { x: part(event.clientX - box.left, box.width), y: part(event.clientY - box.top, box.height) };
}

let speaking = 0;

function move(state, event) {
  const step = STEPS[event.key];
  const { answer, cursor } = state.values;
  if (!step || !answer) return;
  event.preventDefault();
  const pixels = event.shiftKey ? 25 : 5;
  // From one pixel's middle to another's: at its edge, rounding would choose the pixel.
  const along = (value, by, length) => {
    const pixel = Math.min(Math.max(Math.floor(value * length) + by * pixels, 0), length - 1);
    return (pixel + 0.5) / length;
  };
  const from = cursor ?? { x: 0.5, y: 0.5 };
  const to = { x: along(from.x, step[0], answer.width), y: along(from.y, step[1], answer.height) };
  state.set({ cursor: to });
  // Only where the cursor rests: a voice cannot keep up with a key that repeats.
  clearTimeout(speaking);
  speaking = setTimeout(() => (byId("spoken").textContent = sentence(answer, to)), SPEAK_AFTER_MS);
}

function show(cursor, answer) {
  for (const mark of document.querySelectorAll(".cursor")) {
    mark.hidden = !cursor || !answer;
    if (cursor) Object.assign(mark.style, { left: `${100 * cursor.x}%`, top: `${100 * cursor.y}%` });
  }
  if (answer) byId("readout").replaceChildren(...entries(answer, cursor));
}

function entries(answer, cursor) {
  const { x, y, at } = cursor ? pixelAt(answer, cursor) : {};
  const read = (map) => (cursor ? KINDS[map.kind].read(map, at) : ["–"]);
  return [
    field("pixel", "Pixel", "", cursor ? `${x}, ${y}` : "–"),
    ...answer.maps.map((map) => field(map.name, titleOf(map.name), map.kind, ...read(map))),
  ];
}

function field(value, title, kind, ...content) {
  return make("div", { data: { value, kind } }, make("dt", { textContent: title }), make("dd", {}, ...content));
}

function sentence(answer, cursor) {
  const { at } = pixelAt(answer, cursor);
  return answer.maps.map((map) => KINDS[map.kind].say(map, at)).filter(Boolean).join(", ");
}
