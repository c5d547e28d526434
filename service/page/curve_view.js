/** The card with the model's accuracy at each share of multiply-adds, and where this answer stands. */

import { drawCurve, metricTitle } from "./curve.js";
import { byId, make } from "./elements.js";

const METRICS = [
  "miou", "miou40", "miou13", "pixel_accuracy", "delta1_aligned", "delta1", "rmse", "normal_mean_degrees",
  "normal_within_11_25",
];

/** Draw the curve of the model, and again with each answer. */
export function mountCurve(state) {
  const select = byId("curve-metric");
  const update = ({ model, answer }) => {
    const { rows } = splitOf(model);
    const { requested: budget = null, share = null } = answer?.meta.budget ?? {};
    drawCurve(byId("curve"), rows, { metric: select.value, budget, share });
  };
  select.addEventListener("change", () => update(state.values));
  state.on(["model"], ({ model }) => showMetrics(select, splitOf(model), model));
  state.on(["model", "answer"], (values) => values.model && update(values));
}

/** The split that tells most: {name, rows}. */
export function splitOf(model) {
  const splits = model.metrics.splits;
  const name = ["test", "val", ...Object.keys(splits)].find((split) => splits[split]?.length);
  return { name, rows: splits[name] ?? [] };
}

function showMetrics(select, { name, rows }, model) {
  const kept = select.value;
  const known = METRICS.filter((metric) => rows.some((row) => Number.isFinite(row[metric])));
  const option = (metric) => make("option", { value: metric, textContent: metricTitle(metric) });
  select.replaceChildren(...known.map(option));
  if (known.includes(kept)) select.value = kept;
  byId("curve-note").textContent = name ? `Measured on the ${name} split, not on this photograph.` : "";
  byId("curve-note").title = model.metrics.protocol ?? "";
}
