/** The cost of an answer: time per stage, the share of multiply-adds, and the budget with its reason. */

import { budgetText, byId, duration, make, percent } from "./elements.js";

// Spending less than this below the budget is what one expects of a ceiling.
const STEP = 0.02;
const TRANSFER = "the way there and back, and what the server did besides";

/** Show the figures of each answer. */
export function mountTiming(state) {
  state.on(["answer"], ({ answer }) => {
    if (!answer) return;
    byId("latency").textContent = duration(answer.latency);
    showBudget(answer.meta);
    showStages(answer);
  });
}

/** Why the budget used is what it is, in a sentence; `steps` are shares that the model is known to spend. */
export function reasonText({ requested, used, share, reason }, { deadline_ms: deadline } = {}, steps = []) {
  const [wanted, got] = [budgetText(requested), budgetText(used)];
  const sentences = {
    client: `As requested: ${wanted}.`,
    default: `${got}, the default: the request named none.`,
    floor: `Raised from ${wanted} to ${got}, the least that this model serves for this image.`,
    brownout:
      `Lowered from ${wanted} to ${got}: many requests come at once, so each gets less (brown-out). ` +
      "A least budget opts out.",
    deadline: `Lowered from ${wanted} to ${got} to meet the deadline of ${deadline} ms.`,
  };
  const said = sentences[reason] ?? `${got} (${reason}).`;
  if (share >= used - STEP) return said;
  return `${reason === "client" ? `At most ${got} was requested` : said.slice(0, -1)}; ${gap({ used, share }, steps)}`;
}

/** Why less was spent than might have been. */
function gap({ used, share }, steps) {
  const next = Math.min(...steps.filter((step) => step > share + STEP));
  const between = next > used && next < Infinity ? ` between ${short(share)} and ${short(next)}` : " nearer to it";
  return `this model has no step${between}, so ${percent(share)} was spent.`;
}

function short(share) {
  return String(Number(share.toFixed(2)));
}

/** Whether the budget used differs from the one requested. */
export function isChanged({ reason }) {
  return reason !== "client" && reason !== "default";
}

function showBudget({ budget, size }) {
  const [height, width] = size.network;
  byId("share").textContent = percent(budget.share);
  byId("share").title = `${budget.multiply_adds.toLocaleString("en")} multiply-adds`;
  byId("used").textContent = budgetText(budget.used);
  byId("network").textContent = `${width} × ${height}`;
  byId("network").title = `scale ${budget.scale} of the working size, per side`;
}

function showStages({ stages, latency }) {
  const known = stages.reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
  const rows = [...stages, ["transfer", Math.max(0, latency - known)]];
  let begun = 0;
  const body = rows.map(([stage, milliseconds]) => {
    const row = stageRow(stage, milliseconds, begun / latency, milliseconds / latency);
    begun += milliseconds;
    return row;
  });
  byId("timing").replaceChildren(...body);
}

function stageRow(stage, milliseconds, from, part) {
  const bar = make("span", { className: "bar-part" });
  const start = Math.min(from, 1);
  Object.assign(bar.style, { marginLeft: `${100 * start}%`, width: `${100 * Math.min(part, 1 - start)}%` });
  return make(
    "tr",
    { data: { stage }, title: stage === "transfer" ? TRANSFER : "" },
    make("th", { scope: "row", textContent: stage }),
    make("td", { className: "time", textContent: duration(milliseconds) }),
    make("td", { className: "line" }, bar),
  );
}
