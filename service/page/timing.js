/** What an answer took: time per stage, the share of multiply-adds, and the budget with its reason. */

import { budgetText, byId, duration, make, percent } from "./elements.js";

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

/** Why the budget used is what it is, in a sentence. */
export function reasonText({ requested, used, reason }, { deadline_ms: deadline } = {}) {
  const [asked, got] = [budgetText(requested), budgetText(used)];
  const sentences = {
    client: `As asked: ${asked}.`,
    default: `${got}, the default: none was asked for.`,
    floor: `Raised from ${asked} to ${got}, the least that this model serves for this image.`,
    brownout: `Lowered from ${asked} to ${got}: the server is busy (brown-out). A least budget opts out.`,
    deadline: `Lowered from ${asked} to ${got} to meet the deadline of ${deadline} ms.`,
  };
  return sentences[reason] ?? `${got} (${reason}).`;
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
