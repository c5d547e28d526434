/** Names of classes written on their regions, each once, where its region is widest. */

// Distances, in pixels of the map, of a step along an axis and of one across.
const [STRAIGHT, ACROSS] = [1, Math.SQRT2];
// Of the smaller side: text is so high, and its region at least so wide in all directions.
const TEXT = 0.035;
const LEAST = 0.04;

/**
 * Write on `context`, a canvas of the map's size, the name of each class whose region has room for it.
 * @param {object} map of a kind with classes: {values, classes}
 */
export function writeNames(context, map, { width, height }) {
  const side = Math.min(width, height);
  const size = Math.max(11, Math.round(TEXT * side));
  Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: size / 4 });
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.strokeStyle = "rgb(0 0 0 / 70%)";
  context.fillStyle = "#fff";
  for (const { name, x, y, reach } of placesFor(map, width)) {
    if (reach < LEAST * side) continue;
    const half = context.measureText(name).width / 2;
    const at = [Math.min(Math.max(x, half + 4), width - half - 4), Math.min(Math.max(y, size), height - size)];
    context.strokeText(name, ...at);
    context.fillText(name, ...at);
  }
}

/** The same for every opacity and every view. */
const known = new WeakMap();

function placesFor(map, width) {
  if (!known.has(map)) known.set(map, placesOf(map, width));
  return known.get(map);
}

/** Of each class that is seen, the pixel farthest from its region's border: {name, x, y, reach} in pixels. */
export function placesOf({ values, classes }, width) {
  const depth = depths(values, width);
  const best = new Map();
  for (let i = 0; i < values.length; i += 1) {
    if (depth[i] > (best.get(values[i])?.reach ?? 0)) best.set(values[i], { at: i, reach: depth[i] });
  }
  return classes
    .filter(({ id }) => best.has(id))
    .map(({ id, name }) => {
      const { at, reach } = best.get(id);
      return { name, x: at % width, y: Math.floor(at / width), reach };
    });
}

/** Distance of each pixel to the nearest one of another class, or to the edge, in a pass from each end of the map. */
function depths(values, width) {
  const depth = new Float32Array(values.length);
  const beside = (i, j, inside, step) => (inside && values[j] === values[i] ? depth[j] + step : STRAIGHT);
  for (const way of [1, -1]) {
    for (let n = 0; n < values.length; n += 1) {
      const i = way > 0 ? n : values.length - 1 - n;
      const x = i % width;
      const row = way * width;
      const [low, high] = [x > 0, x < width - 1];
      const above = way > 0 ? i >= width : i < values.length - width;
      const [before, after] = way > 0 ? [low, high] : [high, low];
      depth[i] = Math.min(
        way > 0 ? Infinity : depth[i],
        beside(i, i - way, before, STRAIGHT),
        beside(i, i - row, above, STRAIGHT),
        beside(i, i - row - way, above && before, ACROSS),
        beside(i, i - row + way, above && after, ACROSS),
      );
    }
  }
  return depth;
}
