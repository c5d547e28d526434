/** Frames of vectors, as a manifest says them ("x right, y down, z towards the camera"): directions in words. */

import { make } from "./elements.js";

/** Directions by their words in a frame: as one says them, as a sign, and as [right, down, towards the camera]. */
const DIRECTIONS = {
  right: { said: "right", sign: "→", way: [1, 0, 0] },
  left: { said: "left", sign: "←", way: [-1, 0, 0] },
  down: { said: "down", sign: "↓", way: [0, 1, 0] },
  up: { said: "up", sign: "↑", way: [0, -1, 0] },
  "towards the camera": { said: "the camera", sign: "to camera", way: [0, 0, 1] },
  "away from the camera": { said: "away from the camera", sign: "from camera", way: [0, 0, -1] },
};
const AXES = ["x", "y", "z"];
const COLOURS = ["red", "green", "blue"];
const BALL = 20;

/** Which way a vector mostly points, in words; "" where the frame's words are not known. */
export function facing(frame, vector) {
  const axes = axesOf(frame);
  if (!axes) return "";
  const axis = vector.reduce((most, part, i) => (Math.abs(part) > Math.abs(vector[most]) ? i : most), 0);
  return (vector[axis] < 0 ? opposite(axes[axis]) : axes[axis]).said;
}

/** What the colours of vectors mean: in words, and as a ball that `drawVectors(canvas, size, values)` draws. */
export function frameKey(frame, drawVectors) {
  const axes = axesOf(frame);
  if (!axes) return [];
  const textContent = axes.map(({ sign }, i) => `${COLOURS[i]} ${sign}`).join(" ");
  const canvas = make("canvas", { className: "ball" });
  drawVectors(canvas, { width: BALL, height: BALL }, ball(axes));
  return [make("span", { className: "words", textContent }), canvas];
}

/** Three directions of the frame's axes; null if it has other words than ours. */
function axesOf(frame) {
  const parts = (frame ?? "").split(",").map((part) => part.trim());
  const axes = AXES.map((axis, i) => parts[i]?.startsWith(`${axis} `) && DIRECTIONS[parts[i].slice(2)]);
  return axes.every(Boolean) ? axes : null;
}

function opposite({ way }) {
  return Object.values(DIRECTIONS).find((other) => other.way.every((part, i) => part + way[i] === 0));
}

/** The vectors of a ball seen from before it, float32 [BALL,BALL,3] along the axes. */
function ball(axes) {
  const values = new Float32Array(3 * BALL * BALL);
  for (let i = 0; i < BALL * BALL; i += 1) {
    const [x, y] = [(i % BALL) + 0.5, Math.floor(i / BALL) + 0.5].map((at) => (2 * at) / BALL - 1);
    const seen = [x, y, Math.sqrt(Math.max(0, 1 - x * x - y * y))];
    values.set(axes.map(({ way }) => way[0] * seen[0] + way[1] * seen[1] + way[2] * seen[2]), 3 * i);
  }
  return values;
}
