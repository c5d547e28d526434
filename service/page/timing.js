/** What an answer took: time per stage, the share of multiply-adds, and the budget with its reason. */

import { budgetText, byId, duration, make, percent } from "./elements.js";

/** Show the figures of each answer. */
export function mountTiming(state) {
  state.on(["answer"], ({ answer }) => {
    if (!answer) return;
    byId("latency").textContent = duration(answer.latency);
    showBudget(answer.meta);
    showStages(answer);
  });
}

/** Why the budget used is what it is, in a sentence. */
export function reasonText({ requested, used, reason }, { deadline_ms: deadline } = {}) {
  const [asked, got] = [budgetText(requested), budgetText(used)];
  if (reason === "floor") return `Raised from ${asked} to ${got}: less than that this model does not serve for this image.`;
  if (reason === "brownout") return `Lowered from ${asked} to ${got}: the server is busy (brown-out). A least budget opts out.`;
  if (reason === "deadline") return `Lowered from ${asked} to ${got} to meet the deadline of ${deadline} ms.`;
  return reason === "default" ? `${got}, the default: none was asked for.` : `As asked: ${asked}.`;
}

/** Whether the budget used is another than the one asked for. */
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
  Object.assign(bar.style, { marginLeft: `${100 * Math.min(from, 1)}%`, width: `${100 * Math.min(part, 1 - Math.min(from, 1))}%` });
  return make(
    "tr",
    { data: { stage }, title: stage === "transfer" ? "the way there and back, and what the server did besides" : "" },
    make("th", { scope: "row", textContent: stage }),
    make("td", { className: "time", textContent: duration(milliseconds) }),
    make("td", { className: "line" }, bar),
  );
}
