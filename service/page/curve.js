/** The accuracy curve: the model's accuracy at each share of multiply-adds, as measured, and where an answer stands. */

import { byId, make } from "./elements.js";

const WIDTH = 380;
const HEIGHT = 240;
const PLOT = { left: 52, right: 358, top: 26, bottom: 196 };
// Shares closer than this are one: a photograph's differs a little from the mean of those measured.
const SAME = 0.005;
const ACCENT = "var(--accent, currentColor)";
// Members of a row that are no figures.
const NO_FIGURE = /^(budget|share|scale)$|_(low|high)$/;

/** Draw the curve of the model, and again with each answer. */
export function mountCurve(state) {
  const select = byId("curve-metric");
  const update = ({ model, answer }) => {
    const { rows } = splitOf(model);
    const { requested: budget = null, share = null } = answer?.meta.budget ?? {};
    drawCurve(byId("curve"), rows, { figure: figureOf(model, select.value), budget, share });
  };
  select.addEventListener("change", () => update(state.values));
  state.on(["model"], ({ model }) => showFigures(select, splitOf(model), model));
  state.on(["model", "answer"], (values) => values.model && update(values));
}

/** The split that tells most: {name, rows}. */
export function splitOf(model) {
  const splits = model.metrics.splits;
  const name = ["test", "val", ...Object.keys(splits)].find((split) => splits[split]?.length);
  return { name, rows: splits[name] ?? [] };
}

function showFigures(select, { name, rows }, model) {
  const kept = select.value;
  const names = namesOf(rows, model);
  const option = (figure) => make("option", { value: figure, textContent: figureOf(model, figure).title });
  select.replaceChildren(...names.map(option));
  if (names.includes(kept)) select.value = kept;
  byId("curve-note").textContent = name ? `Measured on the ${name} split, not on this photograph.` : "";
  byId("curve-note").title = model.metrics.protocol ?? "";
}

/** The names of the figures that are offered: those that the model describes; all of the rows if it describes none. */
function namesOf(rows, { metrics: { figures = {} } }) {
  const measured = rows.flatMap((row) => Object.keys(row).filter((name) => Number.isFinite(row[name])));
  const names = [...new Set(measured)].filter((name) => !NO_FIGURE.test(name));
  const described = Object.keys(figures).filter((name) => names.includes(name));
  return described.length ? described : names;
}

/** The figure `name` of the model: {name, title, unit}; its own name where the model says no more. */
function figureOf({ metrics: { figures = {} } }, name) {
  const { title = name, unit = "", better = "more" } = figures[name] ?? {};
  return { name, title: better === "less" ? `${title}, lower is better` : title, unit };
}

/**
 * Draws the rows of GET /models (metrics.splits.*) into `svg`, in place of what it held.
 * `budget` is the share requested at most, `share` what was spent; either may be null.
 */
function drawCurve(svg, rows, { figure, budget = null, share = null }) {
  const { name: metric, title, unit } = figure;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  const points = rows
    .filter((row) => Number.isFinite(row.share) && Number.isFinite(row[metric]))
    .sort((first, second) => first.share - second.share);
  describe(svg, points, figure, share);
  if (points.length === 0) {
    text(svg, WIDTH / 2, HEIGHT / 2, "No accuracy was measured for this model.", "middle");
    return;
  }
  const place = scales(points, metric);
  drawAxes(svg, place, title, unit);
  drawSpread(svg, points, metric, place);
  drawRows(svg, points, metric, unit, place);
  if (budget !== null && share !== null && Math.abs(budget - share) > SAME) drawBudget(svg, budget, place);
  if (share !== null) drawSpent(svg, points, metric, share, unit, place);
}

function describe(svg, points, { name: metric, title, unit }, share) {
  const id = `${svg.id || "curve"}-picture`;
  add(svg, "title", { id: `${id}-title` }).textContent = `${title} by share of multiply-adds`;
  const said = points.map((row) => `${percent(row.share)}: ${show(row[metric])}${unit}`).join(", ");
  add(svg, "desc", { id: `${id}-description` }).textContent = `${said}.${nowAt(points, share)}`;
  svg.setAttribute("aria-labelledby", `${id}-title`);
  svg.setAttribute("aria-describedby", `${id}-description`);
}

function nowAt(points, share) {
  if (share === null || points.length === 0) return "";
  return ` Now at ${percent(share)}${isMeasured(points, share) ? "" : ", which was not measured"}.`;
}

function scales(points, metric) {
  const values = points.flatMap((row) =>
    [row[metric], row[`${metric}_low`], row[`${metric}_high`]].filter(Number.isFinite),
  );
  const ticks = niceTicks(Math.min(...values), Math.max(...values));
  const low = ticks[0];
  const high = ticks[ticks.length - 1];
  return {
    ticks,
    x: (share) => PLOT.left + Math.min(share, 1) * (PLOT.right - PLOT.left),
    y: (value) => PLOT.bottom - ((value - low) / (high - low)) * (PLOT.bottom - PLOT.top),
  };
}

/** From the round number below `low` to the one above `high`, in four to eight round steps. */
function niceTicks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = power * [1, 2, 5, 10].find((factor) => span / (factor * power) <= 6);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function drawAxes(svg, place, title, unit) {
  text(svg, PLOT.left - 44, 14, title, "start");
  for (const value of place.ticks) {
    line(svg, PLOT.left, place.y(value), PLOT.right, place.y(value), 0.15);
    text(svg, PLOT.left - 6, place.y(value) + 4, show(value) + unit, "end");
  }
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    line(svg, place.x(share), PLOT.bottom, place.x(share), PLOT.bottom + 4, 0.7);
    text(svg, place.x(share), PLOT.bottom + 17, percent(share), "middle");
  }
  line(svg, PLOT.left, PLOT.bottom, PLOT.right, PLOT.bottom, 0.7);
  text(svg, (PLOT.left + PLOT.right) / 2, HEIGHT - 8, "share of the full network's multiply-adds", "middle");
}

/** The 95 % intervals, where the model's table has them. */
function drawSpread(svg, points, metric, place) {
  const [low, high] = [`${metric}_low`, `${metric}_high`];
  const known = points.filter((row) => Number.isFinite(row[low]) && Number.isFinite(row[high]));
  if (known.length < 2) return;
  const outline = [
    ...known.map((row) => [place.x(row.share), place.y(row[high])]),
    ...known.reverse().map((row) => [place.x(row.share), place.y(row[low])]),
  ];
  const band = add(svg, "polygon", { points: outline.join(" "), fill: ACCENT, "fill-opacity": 0.13 });
  add(band, "title").textContent = "95 % interval";
}

function drawRows(svg, points, metric, unit, place) {
  const track = points.map((row) => [place.x(row.share), place.y(row[metric])]);
  add(svg, "polyline", { points: track.join(" "), fill: "none", stroke: ACCENT, "stroke-width": 2 });
  for (const [index, row] of points.entries()) {
    const [cx, cy] = track[index];
    const dot = add(svg, "circle", { cx, cy, r: 3, fill: ACCENT, "data-budget": row.budget });
    add(dot, "title").textContent =
      `budget ${row.budget}: ${show(row[metric])}${unit} at ${percent(row.share)} of the multiply-adds`;
  }
}

function drawBudget(svg, share, place) {
  const dashes = line(svg, place.x(share), PLOT.top, place.x(share), PLOT.bottom, 0.7);
  dashes.setAttribute("stroke-dasharray", "3 3");
  add(dashes, "title").textContent = "the budget requested";
}

/** Where the answer stands; beside what was measured, no accuracy is claimed for it. */
function drawSpent(svg, points, metric, share, unit, place) {
  const x = place.x(share);
  line(svg, x, PLOT.top, x, PLOT.bottom, 0.35);
  if (!isMeasured(points, share)) return say(svg, x, `not measured at ${percent(share)}`);
  const value = interpolate(points, share, metric);
  add(svg, "circle", {
    cx: x, cy: place.y(value), r: 7, fill: "var(--background, Canvas)", stroke: "currentColor", "stroke-width": 3,
    class: "used",
  });
  return say(svg, x, `${show(value)}${unit}`);
}

function say(svg, x, words) {
  const anchor = x > (PLOT.left + PLOT.right) / 2 ? "end" : "start";
  const said = text(svg, x + (anchor === "end" ? -10 : 10), PLOT.bottom - 10, words, anchor);
  said.setAttribute("font-weight", "bold");
}

/** Whether `share` lies between the rows that were measured, but for rounding. */
function isMeasured(points, share) {
  return share >= points[0].share - SAME && share <= points[points.length - 1].share + SAME;
}

function interpolate(points, share, metric) {
  const next = points.findIndex((row) => row.share >= share);
  if (next === 0) return points[0][metric];
  if (next === -1) return points[points.length - 1][metric];
  const [before, after] = [points[next - 1], points[next]];
  const part = (share - before.share) / (after.share - before.share);
  return before[metric] + part * (after[metric] - before[metric]);
}

function show(value) {
  return String(Number(value.toPrecision(3)));
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function text(parent, x, y, content, anchor) {
  const made = add(parent, "text", { x, y, "text-anchor": anchor, "font-size": 12, fill: "currentColor" });
  made.textContent = content;
  return made;
}

function line(parent, x1, y1, x2, y2, opacity) {
  return add(parent, "line", { x1, y1, x2, y2, stroke: "currentColor", "stroke-opacity": opacity });
}

function add(parent, name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}
