/** Colours as image data holds them, tables of them, and painting on a canvas of an answer's size. */

const STEPS = 256;

/** From near to far: light yellow to dark violet. */
export const DISTANCES = table((t) => ({ lightness: 0.93 - 0.72 * t, chroma: 0.13 + 0.04 * t, hue: 105 + 185 * t }));

/** From no work to all of it: nearly black to light orange. */
export const SHARES = table((t) => ({ lightness: 0.2 + 0.66 * t, chroma: 0.02 + 0.13 * t, hue: 40 + 40 * t }));

/** From impossible to certain: nearly black to light green. */
export const PROBABILITIES = table((t) => ({ lightness: 0.18 + 0.74 * t, chroma: 0.03 + 0.1 * t, hue: 250 - 90 * t }));

/** Where a map has no value; packed as the tables are. */
export const INVALID = pack([118, 118, 118]);

/** One colour [red, green, blue] in 0..255 as the number that four bytes of image data make: 0xAABBGGRR. */
export function pack([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** CSS colour of [red, green, blue] in 0..255. */
export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/** CSS gradient of a table, from its first colour on the left to its last. */
export function gradient(colours) {
  const stops = Array.from({ length: 17 }, (_, i) => colours[Math.round((i * (STEPS - 1)) / 16)]);
  const parts = stops.map((colour) => css([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]));
  return `linear-gradient(to right, ${parts.join(", ")})`;
}

/** Make the canvas width x height and let `fill(pixels)` set its packed colours, row by row. */
export function paint(canvas, { width, height }, fill) {
  resize(canvas, { width, height });
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Draw the answer's photograph at the size of its maps; nothing where this browser cannot read it. */
export function paintPhotograph(canvas, { photo: { image }, width, height }) {
  resize(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!image) return;
  // The server lays what is transparent over white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
}

function resize(canvas, { width, height }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** Packed colours by formula: lightness changes evenly in OKLab, so equal steps look equal, in grey too. */
function table(colourAt) {
  return Uint32Array.from({ length: STEPS }, (_, i) => pack(displayed(colourAt(i / (STEPS - 1)))));
}

/** sRGB bytes of an OKLCH colour; its chroma is lowered until a screen can show it. */
function displayed({ lightness, chroma, hue }) {
  for (let left = chroma; ; left -= 0.004) {
    const linear = linearOf(lightness, Math.max(left, 0), (hue * Math.PI) / 180);
    if (left <= 0 || linear.every((part) => part >= 0 && part <= 1)) return linear.map(encoded);
  }
}

/** Linear RGB of OKLCH, by the definition of OKLab (Ottosson 2020). */
function linearOf(lightness, chroma, hue) {
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)];
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short,
  ];
}

function encoded(linear) {
  const part = Math.min(Math.max(linear, 0), 1);
  return Math.round(255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055));
}
