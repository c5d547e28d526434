/** What the maps say at one pixel: under the pointer, or moved by arrow keys on a focused map. */

import { css } from "./colours.js";
import { byId, make, percent, swatch } from "./elements.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SPEAK_AFTER_MS = 350;

/** Keep `cursor` {x, y}, a place in 0..1 of the maps, where pointer or keys are, and read it out. */
export function mountReadout(state) {
  for (const canvas of document.querySelectorAll(".frame canvas[role=application]")) {
    canvas.parentElement.append(make("span", { className: "cursor", hidden: true }));
    for (const kind of ["pointermove", "pointerdown"]) {
      canvas.addEventListener(kind, (event) => state.set({ cursor: placeOf(event) }));
    }
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && document.activeElement !== canvas) state.set({ cursor: null });
    });
    canvas.addEventListener("keydown", (event) => move(state, event));
    canvas.addEventListener("focus", () => state.set({ cursor: state.values.cursor ?? { x: 0.5, y: 0.5 } }));
  }
  state.on(["cursor", "answer"], ({ cursor, answer }) => show(cursor, answer));
}

/** Values at `cursor`: {x, y, entry, metres, normal, computed}; those whose map is missing are undefined. */
export function readAt({ maps, classes, width, height }, cursor) {
  const x = Math.min(width - 1, Math.floor(cursor.x * width));
  const y = Math.min(height - 1, Math.floor(cursor.y * height));
  const at = y * width + x;
  return {
    x,
    y,
    entry: maps.semantics && classes.find(({ id }) => id === maps.semantics[at]),
    metres: maps.depth?.[at],
    normal: maps.normals && [...maps.normals.subarray(3 * at, 3 * at + 3)],
    computed: maps.computed?.[at],
  };
}

/** Which way a surface faces, in words; the frame is x right, y down, z towards the camera. */
export function facing([x, y, z]) {
  const ways = [[Math.abs(x), x > 0 ? "right" : "left"], [Math.abs(y), y > 0 ? "down" : "up"], [z, "the camera"]];
  return ways.sort((first, second) => second[0] - first[0])[0][1];
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
  // Only where the cursor rests: a voice cannot keep up with a key held down.
  clearTimeout(speaking);
  speaking = setTimeout(() => (byId("spoken").textContent = sentence(readAt(answer, to))), SPEAK_AFTER_MS);
}

function show(cursor, answer) {
  for (const mark of document.querySelectorAll(".cursor")) {
    mark.hidden = !cursor || !answer;
    if (cursor) Object.assign(mark.style, { left: `${100 * cursor.x}%`, top: `${100 * cursor.y}%` });
  }
  if (answer) byId("readout").replaceChildren(...entries(cursor ? readAt(answer, cursor) : null));
}

function entries(values) {
  const { x, y, entry, metres, normal, computed } = values ?? {};
  const name = entry ? [swatch(css(entry.color)), entry.name] : values ? ["unlabelled"] : ["–"];
  return [
    field("Pixel", values ? `${x}, ${y}` : "–"),
    field("Class", ...name),
    field("Depth", metresText(metres)),
    field("Normal", normal ? `${normal.map(signed).join(" ")} · faces ${facing(normal)}` : "–"),
    field("Computed", computed === undefined ? "–" : percent(computed)),
  ];
}

function field(term, ...content) {
  const [name, value] = [make("dt", { textContent: term }), make("dd", {}, ...content)];
  return make("div", { data: { value: term.toLowerCase() } }, name, value);
}

function metresText(metres) {
  if (metres === undefined) return "–";
  return metres > 0 ? `${metres.toFixed(2)} m` : "invalid";
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function sentence({ entry, metres, normal, computed }) {
  const parts = [entry?.name ?? "unlabelled"];
  if (metres > 0) parts.push(`${metres.toFixed(2)} metres`);
  if (normal) parts.push(`facing ${facing(normal)}`);
  if (computed !== undefined) parts.push(`${Math.round(100 * computed)} percent computed`);
  return parts.join(", ");
}
