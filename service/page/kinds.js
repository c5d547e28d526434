/**
 * The kinds of maps, one entry each; nothing else in the page knows one kind from another, or any map by its name.
 *
 * A map of an answer is {name, kind, values, classes, unit, frame}: `values` is a typed array row by row, the other
 * members are those that its kind has. Options are {ranges, highlight}: {near, far} by name of map, and the class
 * {map, id} pointed at. An entry of KINDS has
 *   paint(pixels, map, options)  sets the packed colour of each pixel
 *   read(map, at)                text and elements for the readout at the pixel with this index
 *   say(map, at)                 the same to be spoken; "" where there is no value
 *   key(map, options)            text and elements beside the map's title
 * and, where it makes sense: `about`, a tooltip of the title; `topic`, a few words for who cannot see the map;
 * note(map, share), a sentence below all maps; agreement(first, second), a sentence on two answers;
 * rangeOf(values), the range that its colours span; `sharp`, `hasClasses` and `hasDistances`.
 */

import { facing, frameKey } from "./frames.js";
import { make, percent, swatch } from "./elements.js";
import { DISTANCES, INVALID, PROBABILITIES, SHARES, css, gradient, pack, paint } from "./painting.js";

// A share of the multiply-adds from which on nothing was left out.
const ALL = 0.995;
const EVERYTHING = "everything, everywhere. Lower the budget to see where the work goes first.";
const PARTLY = "how much of the optional work was done at each pixel; the rest was left out to save time.";
// How far a class fades that is not the one pointed at.
const FADE = 0.82;
// Of a map's values, to find their range.
const SAMPLES = 4096;
const UNITS = { metre: { symbol: "m", spoken: "metres" } };

export const KINDS = {
  labels: {
    // Between two classes there is none: enlarged, their borders stay borders.
    sharp: true,
    hasClasses: true,
    paint(pixels, { name, values, classes }, { highlight = null } = {}) {
      const colours = classColours(classes, highlight?.map === name ? highlight.id : null);
      for (let i = 0; i < values.length; i += 1) pixels[i] = colours[values[i]];
    },
    read(map, at) {
      const entry = classAt(map, at);
      return entry ? [swatch(css(entry.color)), entry.name] : ["unlabelled"];
    },
    say: (map, at) => classAt(map, at)?.name ?? "unlabelled",
    key: () => [],
    agreement({ values: first }, { values: second }) {
      if (first.length !== second.length) return "";
      const same = first.reduce((count, label, i) => count + (label === second[i] ? 1 : 0), 0);
      return `Both name the same class on ${percent(same / first.length)} of the area.`;
    },
  },

  metric: {
    hasDistances: true,
    rangeOf,
    paint(pixels, { name, values }, { ranges }) {
      const { near, far } = ranges[name] ?? rangeOf(values);
      const factor = 255 / (far - near);
      for (let i = 0; i < values.length; i += 1) {
        const step = (values[i] - near) * factor;
        pixels[i] = step >= 0 || step < 0 ? DISTANCES[step < 0 ? 0 : step > 255 ? 255 : step | 0] : INVALID;
      }
    },
    read: ({ values, unit }, at) => [values[at] > 0 ? `${values[at].toFixed(2)} ${unitOf(unit).symbol}` : "invalid"],
    say: ({ values, unit }, at) => (values[at] > 0 ? `${values[at].toFixed(2)} ${unitOf(unit).spoken}` : ""),
    key({ name, values, unit }, { ranges }) {
      const { near, far } = ranges[name] ?? rangeOf(values);
      return scale(DISTANCES, ...[near, far].map((end) => `${end.toFixed(1)} ${unitOf(unit).symbol}`));
    },
  },

  vectors: {
    paint(pixels, { values }) {
      const bytes = new Uint8ClampedArray(pixels.buffer);
      for (let i = 0, from = 0; i < bytes.length; i += 4, from += 3) {
        for (let part = 0; part < 3; part += 1) bytes[i + part] = (values[from + part] + 1) * 127.5;
        bytes[i + 3] = 255;
      }
    },
    read(map, at) {
      const way = facing(map.frame, vectorAt(map, at));
      return [`${vectorAt(map, at).map(signed).join(" ")}${way && ` · faces ${way}`}`];
    },
    say(map, at) {
      const way = facing(map.frame, vectorAt(map, at));
      return way && `facing ${way}`;
    },
    key: ({ frame }) => frameKey(frame, (canvas, size, values) => draw(canvas, size, { kind: "vectors", values })),
  },

  probability: {
    ...ofShares(PROBABILITIES),
    key: () => scale(PROBABILITIES, "0", "1"),
  },

  share: {
    ...ofShares(SHARES),
    about: "Share of the gated multiply-adds done at each pixel",
    topic: "where the compute went",
    key: () => scale(SHARES, "none", "all"),
    note: ({ name }, share) => `${titleOf(name)}: ${share >= ALL ? EVERYTHING : PARTLY}`,
  },
};

/** A map's name as a title: its words, the first with a capital. */
export function titleOf(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Draw `map` on a canvas of its width and height. */
export function draw(canvas, size, map, options) {
  paint(canvas, size, (pixels) => KINDS[map.kind].paint(pixels, map, options));
}

/** The maps, of an answer or of a model's entry, that name a class at each pixel. */
export function withClasses(maps) {
  return maps.filter(({ kind }) => KINDS[kind].hasClasses);
}

/** The first of the maps whose values are distances from the camera; undefined if none are. */
export function withDistances(maps) {
  return maps.find(({ kind }) => KINDS[kind].hasDistances);
}

/** Ranges by name of those maps whose colours span one; of `last`, those that still fit are kept. */
export function rangesOf(maps, last = {}) {
  const ranged = maps.filter(({ kind }) => KINDS[kind].rangeOf);
  return Object.fromEntries(
    ranged.map(({ name, kind, values }) => [name, steady(last[name], KINDS[kind].rangeOf(values))]),
  );
}

/** What kinds with values in 0..1 have in common. */
function ofShares(colours) {
  return {
    paint(pixels, { values }) {
      for (let i = 0; i < values.length; i += 1) pixels[i] = colours[Math.min(255, (values[i] * 255) | 0)];
    },
    read: ({ values }, at) => [percent(values[at])],
    say: ({ name, values }, at) => `${Math.round(100 * values[at])} percent ${name.replaceAll("_", " ")}`,
  };
}

function classAt({ values, classes }, at) {
  return classes.find(({ id }) => id === values[at]);
}

function vectorAt({ values }, at) {
  return [...values.subarray(3 * at, 3 * at + 3)];
}

function unitOf(unit) {
  return UNITS[unit] ?? { symbol: unit, spoken: unit };
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

/** A bar of a table's colours between what its ends mean. */
function scale(colours, low, high) {
  const bar = make("span", { className: "ramp" });
  bar.style.backgroundImage = gradient(colours);
  return [low, bar, high];
}

/** Distances between which nearly all of the values lie: {near, far}. */
function rangeOf(values) {
  const step = Math.max(1, Math.floor(values.length / SAMPLES));
  const some = Float32Array.from({ length: Math.floor(values.length / step) }, (_, i) => values[i * step]);
  const valid = some.filter((value) => value > 0).sort();
  if (!valid.length) return { near: 0, far: 1 };
  const near = Math.floor(10 * valid[Math.floor(0.01 * valid.length)]) / 10;
  const far = Math.ceil(10 * valid[Math.floor(0.99 * (valid.length - 1))]) / 10;
  return { near, far: Math.max(far, near + 0.1) };
}

/** `last` where it still fits, so that colours keep their meaning while the budget moves; else `next`. */
function steady(last, next) {
  if (!last) return next;
  const slack = 0.15 * (last.far - last.near);
  const fits = Math.abs(next.near - last.near) <= slack && Math.abs(next.far - last.far) <= slack;
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
  return [red, green, blue].map((part) => Math.round(part * (1 - FADE) + grey * FADE));
}
