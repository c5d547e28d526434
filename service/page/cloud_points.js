// From a depth map to points in front of a camera, whose field of view nobody has measured: it is taken to be 60
// degrees from left to right.

export const FIELD_OF_VIEW_DEGREES = 60;
// More than any screen shows, and what a telephone still turns smoothly.
const MOST_POINTS = 1_000_000;
const SAMPLES = 5000;
// Of an edge between near and far, where there is no surface to close.
const STEEPEST = 7;

/** Focal length in pixels of a picture `width` pixels wide. */
export function focalLength(width) {
  return width / 2 / Math.tan((FIELD_OF_VIEW_DEGREES / 2) * (Math.PI / 180));
}

/**
 * Positions in metres (x right, y down, z away from the camera), colours and slopes of all pixels with a depth.
 * `spacing` is the angle, as a tangent, between neighbouring points; a slope is how far a point's neighbours are
 * behind or before it, in distances beside it.
 */
export function pointsOf({ depth, width, height, colours }) {
  const step = Math.ceil(Math.sqrt((width * height) / MOST_POINTS));
  const focal = focalLength(width);
  const most = Math.ceil(width / step) * Math.ceil(height / step);
  const positions = new Float32Array(3 * most);
  const paint = new Uint32Array(most);
  const slopes = new Float32Array(most);
  const rgba = new Uint32Array(colours.buffer, colours.byteOffset, width * height);
  let count = 0;
  for (let row = 0; row < height; row += step) {
    for (let column = 0; column < width; column += step) {
      const index = row * width + column;
      const z = depth[index];
      // Not `z <= 0`: a pixel without a depth is NaN, of which that says no.
      if (!(z > 0 && z < Infinity)) continue;
      positions[3 * count] = ((column + 0.5 - width / 2) / focal) * z;
      positions[3 * count + 1] = ((row + 0.5 - height / 2) / focal) * z;
      positions[3 * count + 2] = z;
      const right = column + step < width ? depth[index + step] : z;
      slopes[count] = Math.min((steepest(z, right, depth[index + step * width]) / z) * (focal / step), STEEPEST);
      paint[count++] = rgba[index];
    }
  }
  return {
    count,
    positions: positions.subarray(0, 3 * count),
    colours: paint.subarray(0, count),
    slopes: slopes.subarray(0, count),
    spacing: step / focal,
    aspect: width / height,
    middle: middleDepth(positions, count),
  };
}

/** The larger distance of two neighbours, which may lack a depth or themselves, from `z`. */
function steepest(z, right, below) {
  const [beside, under] = [Math.abs(right - z), Math.abs(below - z)];
  return Math.max(beside >= 0 ? beside : 0, under >= 0 ? under : 0);
}

/** The median depth of some of the points: what the view turns about. */
function middleDepth(positions, count) {
  const step = Math.max(1, Math.floor(count / SAMPLES));
  const depths = [];
  for (let index = 0; index < count; index += step) depths.push(positions[3 * index + 2]);
  depths.sort((first, second) => first - second);
  return depths[depths.length >> 1] ?? 1;
}
