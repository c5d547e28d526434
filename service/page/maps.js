/** Draws each map of an answer onto a canvas of the map's own size. */

import { DEPTH, INVALID, SHARE, pack } from "./colours.js";

const SAMPLES = 4096;
const GREY = 0.82;

/** Canvases drawn by name: `draw[name](canvas, answer, {range, highlight})`. */
export const draw = {
  photograph(canvas, answer) {
    resize(canvas, answer);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!answer.photo.image) return;
    // The server lays what is transparent over white.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(answer.photo.image, 0, 0, canvas.width, canvas.height);
  },

  semantics(canvas, answer, { highlight = null } = {}) {
    const colours = classColours(answer.classes, highlight);
    paint(canvas, answer, (pixels) => {
      const labels = answer.maps.semantics;
      for (let i = 0; i < labels.length; i += 1) pixels[i] = colours[labels[i]];
    });
  },

  depth(canvas, answer, { range }) {
    const factor = 255 / (range.far - range.near);
    paint(canvas, answer, (pixels) => {
      const depth = answer.maps.depth;
      for (let i = 0; i < depth.length; i += 1) {
        const step = (depth[i] - range.near) * factor;
        pixels[i] = step >= 0 || step < 0 ? DEPTH[step < 0 ? 0 : step > 255 ? 255 : step | 0] : INVALID;
      }
    });
  },

  normals(canvas, answer) {
    paint(canvas, answer, (pixels) => {
      const bytes = new Uint8ClampedArray(pixels.buffer);
      const normals = answer.maps.normals;
      for (let i = 0, from = 0; i < bytes.length; i += 4, from += 3) {
        bytes[i] = (normals[from] + 1) * 127.5;
        bytes[i + 1] = (normals[from + 1] + 1) * 127.5;
        bytes[i + 2] = (normals[from + 2] + 1) * 127.5;
        bytes[i + 3] = 255;
      }
    });
  },

  computed(canvas, answer) {
    paint(canvas, answer, (pixels) => {
      const shares = answer.maps.computed;
      for (let i = 0; i < shares.length; i += 1) pixels[i] = SHARE[Math.min(255, (shares[i] * 255) | 0)];
    });
  },
};

/** Metres between which nearly all of a depth map float32 lies: {near, far}. */
export function depthRange(depth) {
  const step = Math.max(1, Math.floor(depth.length / SAMPLES));
  const some = Float32Array.from({ length: Math.floor(depth.length / step) }, (_, i) => depth[i * step]);
  const values = some.filter((value) => value > 0).sort();
  if (!values.length) return { near: 0, far: 1 };
  const near = Math.floor(10 * values[Math.floor(0.01 * values.length)]) / 10;
  const far = Math.ceil(10 * values[Math.floor(0.99 * (values.length - 1))]) / 10;
  return { near, far: Math.max(far, near + 0.1) };
}

/** `last` where it still fits, so that colours keep their meaning while the budget moves; else `next`. */
export function steadyRange(last, next) {
  if (!last) return next;
  const room = 0.15 * (last.far - last.near);
  const fits = Math.abs(next.near - last.near) <= room && Math.abs(next.far - last.far) <= room;
  return fits ? last : next;
}

/** Colours by label, packed; with a `highlight`, the other classes fade to grey. */
function classColours(classes, highlight) {
  const colours = new Uint32Array(256).fill(INVALID);
  for (const { id, color } of classes) {
    const faded = highlight !== null && id !== highlight;
    colours[id] = pack(faded ? fade(color) : color);
  }
  return colours;
}

function fade([red, green, blue]) {
  const grey = 60 + 0.35 * (0.3 * red + 0.6 * green + 0.1 * blue);
  return [red, green, blue].map((part) => Math.round(part * (1 - GREY) + grey * GREY));
}

function resize(canvas, { width, height }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function paint(canvas, answer, fill) {
  resize(canvas, answer);
  const image = new ImageData(answer.width, answer.height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
