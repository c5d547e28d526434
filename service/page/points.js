/** Points in space: from a map of distances to coloured points before a camera, and their drawing by WebGL. */

// Nobody has measured the camera's field of view, from left to right.
export const FIELD_OF_VIEW_DEGREES = 60;
// More than any screen shows, and what a telephone still turns smoothly.
const MOST_POINTS = 1_000_000;
const SAMPLES = 5000;
// Of an edge between near and far, where there is no surface to close.
const STEEPEST = 7;

const VERTEX = `#version 300 es
in vec3 position;
in vec4 colour;
in float slope;
uniform vec4 turn;      // cosine and sine of yaw, cosine and sine of pitch
uniform vec2 pivot;     // its distance from the camera, and from the eye
uniform vec2 focal;     // to clip space, from left to right and from top to bottom
uniform float size;     // of a point one metre away, seen from one metre, in pixels
uniform float turned;   // sine of the angle from where the photograph was taken
out vec4 paint;
void main() {
  vec3 p = vec3(position.xy, position.z - pivot.x);
  p = vec3(turn.x * p.x + turn.y * p.z, p.y, turn.x * p.z - turn.y * p.x);
  p = vec3(p.x, turn.z * p.y + turn.w * p.z, turn.z * p.z - turn.w * p.y + pivot.y);
  float near = .02 * pivot.x, far = 100. * pivot.x;
  gl_Position = vec4(focal.x * p.x, -focal.y * p.y, (p.z * (far + near) - 2. * far * near) / (far - near), p.z);
  // From aside, what is behind a point comes out beside it: larger ones close the gaps.
  gl_PointSize = clamp(size * (1. + .7 * turned * slope) * position.z / p.z, 1., 24.);
  paint = colour;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 paint;
out vec4 shown;
void main() { shown = paint; }`;

/** Focal length in pixels of a picture `width` pixels wide. */
function focalLength(width) {
  return width / 2 / Math.tan((FIELD_OF_VIEW_DEGREES / 2) * (Math.PI / 180));
}

/**
 * Positions in metres (x right, y down, z away from the camera), colours and slopes of all pixels with a distance.
 * `spacing` is the angle, as a tangent, between neighbouring points; a slope is how far a point's neighbours are
 * behind or before it, in distances beside it.
 */
export function pointsOf({ distances, width, height, colours }) {
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
      const z = distances[index];
      // Not `z <= 0`: a pixel without a distance is NaN, of which that says no.
      if (!(z > 0 && z < Infinity)) continue;
      positions[3 * count] = ((column + 0.5 - width / 2) / focal) * z;
      positions[3 * count + 1] = ((row + 0.5 - height / 2) / focal) * z;
      positions[3 * count + 2] = z;
      const right = column + step < width ? distances[index + step] : z;
      slopes[count] = Math.min((steepest(z, right, distances[index + step * width]) / z) * (focal / step), STEEPEST);
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
    middle: middleOf(positions, count),
  };
}

/** The larger distance of two neighbours, which may have no distance or not exist, from `z`. */
function steepest(z, right, below) {
  const [beside, under] = [Math.abs(right - z), Math.abs(below - z)];
  return Math.max(beside >= 0 ? beside : 0, under >= 0 ? under : 0);
}

/** The median distance of some of the points: what the view turns about. */
function middleOf(positions, count) {
  const step = Math.max(1, Math.floor(count / SAMPLES));
  const distances = [];
  for (let index = 0; index < count; index += step) distances.push(positions[3 * index + 2]);
  distances.sort((first, second) => first - second);
  return distances[distances.length >> 1] ?? 1;
}

/** Draws coloured points; knows nothing of who turns them. */
export class PointDrawing {
  #gl;
  #places;
  #points = null;

  /** Null in a browser without WebGL 2. */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, powerPreference: "low-power" });
    return gl === null ? null : new PointDrawing(gl);
  }

  constructor(gl) {
    this.#gl = gl;
    this.restore();
  }

  /** Makes again what a lost context took with it. */
  restore() {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    const program = link(gl);
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    const uniform = (name) => gl.getUniformLocation(program, name);
    this.#places = {
      position: attribute(gl, program, "position"),
      colour: attribute(gl, program, "colour"),
      slope: attribute(gl, program, "slope"),
      turn: uniform("turn"), pivot: uniform("pivot"), focal: uniform("focal"), size: uniform("size"),
      turned: uniform("turned"),
    };
    if (this.#points !== null) this.load(this.#points);
  }

  load(points) {
    this.#points = points;
    const gl = this.#gl;
    fill(gl, this.#places.position, points.positions, 3, gl.FLOAT);
    fill(gl, this.#places.colour, points.colours, 4, gl.UNSIGNED_BYTE);
    fill(gl, this.#places.slope, points.slopes, 1, gl.FLOAT);
  }

  /** One picture; `view` is {yaw, pitch} in radians and zoom. */
  draw({ yaw, pitch, zoom }) {
    const gl = this.#gl;
    const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (this.#points === null) return;
    const { aspect, middle, spacing, count } = this.#points;
    // The whole photograph is within the canvas, whatever the shape of either.
    const across = 1 / Math.tan((FIELD_OF_VIEW_DEGREES / 2) * (Math.PI / 180));
    const horizontal = across * Math.min(1, (aspect * height) / width);
    // What is near follows the hand.
    gl.uniform4f(this.#places.turn, Math.cos(yaw), -Math.sin(yaw), Math.cos(pitch), -Math.sin(pitch));
    gl.uniform2f(this.#places.pivot, middle, middle / zoom);
    gl.uniform2f(this.#places.focal, horizontal, (horizontal * width) / height);
    gl.uniform1f(this.#places.turned, Math.sqrt(1 - (Math.cos(yaw) * Math.cos(pitch)) ** 2));
    gl.uniform1f(this.#places.size, (1.4 * spacing * horizontal * width) / 2);
    gl.drawArrays(gl.POINTS, 0, count);
  }

  dispose() {
    const { position, colour, slope } = this.#places;
    for (const { buffer } of [position, colour, slope]) this.#gl.deleteBuffer(buffer);
    this.#points = null;
  }
}

function link(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program));
  }
  return program;
}

function attribute(gl, program, name) {
  return { location: gl.getAttribLocation(program, name), buffer: gl.createBuffer() };
}

function fill(gl, { location, buffer }, values, size, kind) {
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, size, kind, kind !== gl.FLOAT, 0, 0);
}
