/** A parsing: what POST /parse makes of a photograph, requested by a query and read from its npz archive. */

// Up to about this many pixels maps are requested at the photograph's size; beyond, at the network's.
const FULL_SIZE_PIXELS = 1_200_000;
const END_OF_DIRECTORY = 0x06054b50;
const END_LENGTH = 22;
const ENTRY_LENGTH = 46;
const LOCAL_LENGTH = 30;
const TYPES = { "|u1": Uint8Array, "<u2": Uint16Array, "<i4": Int32Array, "<f4": Float32Array };

/**
 * Query of POST /parse for a photograph {image, width, height} and {model, budget, minBudget, deadline}.
 * @returns {object} values by parameter, null where the server's default is meant
 */
export function queryOf(photo, { model, budget, minBudget, deadline }) {
  return {
    budget,
    min_budget: minBudget,
    deadline_ms: deadline,
    maps: model.maps.map(({ name }) => name).join(","),
    size: isSmall(photo) ? "input" : "model",
    model: model.name,
  };
}

/** Whether a photograph {image, width, height} is small enough for maps of its size. */
export function isSmall({ image, width, height }) {
  return Boolean(image) && width * height <= FULL_SIZE_PIXELS;
}

/**
 * Answer to POST /parse: what `readAnswer` reads, stages: [[name, ms]], latency in ms as seen here, photo and query;
 * a Problem if there is none.
 */
export async function parse(server, photo, query, { signal, onWait }) {
  let begun = 0;
  const response = await server.request(server.address("parse", query), {
    method: "POST",
    body: photo.blob,
    headers: { Accept: "application/x-npz" },
    signal,
    onWait,
    // Time spent waiting for another try is the server's wish, not its speed.
    onTry: () => (begun = performance.now()),
  });
  const body = await response.arrayBuffer();
  const latency = performance.now() - begun;
  const stages = serverTiming(response.headers.get("Server-Timing") ?? "");
  return { ...readAnswer(body), stages, latency, photo, query };
}

/** The part of an answer that its npz archive holds: {maps, width, height, meta}; for maps see kinds.js. */
export function readAnswer(buffer) {
  const arrays = readNpz(buffer);
  const meta = JSON.parse(arrays.meta.data);
  const maps = Object.entries(meta.maps).map(([name, entry]) => ({ ...entry, name, values: arrays[name].data }));
  const { height, width } = meta.size;
  return { maps, width, height, meta };
}

function serverTiming(header) {
  const entries = [...header.matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return entries.map(([, stage, milliseconds]) => [stage, Number(milliseconds)]);
}

/**
 * Arrays of a stored zip of little endian .npy files by name, each {shape: number[], data: typed array or string};
 * throws Error for another form.
 */
export function readNpz(buffer) {
  const view = new DataView(buffer);
  const arrays = {};
  for (const { name, start, length } of directory(view)) {
    arrays[name.replace(/\.npy$/, "")] = readNpy(buffer, start, length);
  }
  return arrays;
}

function* directory(view) {
  // numpy writes no comment: the end of the directory is the end of the archive.
  const end = view.byteLength - END_LENGTH;
  if (end < 0 || view.getUint32(end, true) !== END_OF_DIRECTORY) throw new Error("not an npz archive");
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint16(at + 10, true) !== 0) throw new Error("a compressed npz archive");
    const lengths = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const local = view.getUint32(at + 42, true);
    const skipped = view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    yield {
      name: text(view, at + ENTRY_LENGTH, lengths[0]),
      start: local + LOCAL_LENGTH + skipped,
      length: view.getUint32(at + 24, true),
    };
    at += ENTRY_LENGTH + lengths[0] + lengths[1] + lengths[2];
  }
}

function readNpy(buffer, start, length) {
  const view = new DataView(buffer, start, length);
  const long = view.getUint8(6) > 1;
  const body = (long ? 12 : 10) + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = text(view, long ? 12 : 10, body - (long ? 12 : 10));
  const type = /'descr': *'([^']+)'/.exec(header)[1];
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(",").filter((part) => part.trim()).map(Number);
  if (header.includes("'fortran_order': True")) throw new Error("an array in column order");
  // A copy: typed arrays must begin at multiples of their size, entries of a zip begin anywhere.
  const bytes = buffer.slice(start + body, start + length);
  if (type.startsWith("<U")) return { shape, data: characters(bytes) };
  if (!(type in TYPES)) throw new Error(`an array of type ${type}`);
  return { shape, data: new TYPES[type](bytes) };
}

function characters(bytes) {
  // numpy keeps strings as one 32-bit code point per character, zeros at the end.
  const codes = Array.from(new Uint32Array(bytes)).filter((code) => code);
  return codes.map((code) => String.fromCodePoint(code)).join("");
}

function text(view, start, length) {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start, length));
}
