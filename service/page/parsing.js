/** From a photograph and options to an answer: the maps, what they cost and how long it took. */

import { readNpz } from "./npz.js";

// Up to about this many pixels maps are asked for at the photograph's size; beyond, at the network's.
const FULL_SIZE_PIXELS = 1_200_000;

/**
 * Query of POST /parse for a photograph {image, width, height} and {model, budget, minBudget, deadline}.
 * @returns {object} values by parameter, null where the server's default is meant
 */
export function queryOf(photo, { model, budget, minBudget, deadline }) {
  return {
    budget,
    min_budget: minBudget,
    deadline_ms: deadline,
    tasks: mapsOf(model).join(","),
    size: isSmall(photo) ? "input" : "model",
    model: model.name,
  };
}

/** Whether a photograph {image, width, height} is small enough for maps of its size. */
export function isSmall({ image, width, height }) {
  return Boolean(image) && width * height <= FULL_SIZE_PIXELS;
}

/** Names of all maps that a model entry of GET /models offers. */
export function mapsOf(model) {
  return model.maps ?? ["semantics", "depth", "normals"].filter((name) => model.tasks[name]);
}

/**
 * Answer to POST /parse: {maps: {name: typed array}, classes, width, height, meta, stages: [[name, ms]], latency
 * in ms as seen here, photo, query}; a Problem if there is none.
 */
export async function parse(server, photo, query, { signal, onWait }) {
  let begun = 0;
  const response = await server.ask(server.address("parse", query), {
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

/** The part of an answer that its npz archive holds. */
export function readAnswer(buffer) {
  const { meta: described, ...arrays } = readNpz(buffer);
  const meta = JSON.parse(described.data);
  const maps = Object.fromEntries(Object.entries(arrays).map(([name, { data }]) => [name, data]));
  const { height, width } = meta.size;
  return { maps, classes: meta.maps.semantics?.classes ?? [], width, height, meta };
}

function serverTiming(header) {
  const entries = [...header.matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return entries.map(([, stage, milliseconds]) => [stage, Number(milliseconds)]);
}
