/** The view that compares two budgets on the photograph: two requests, one after the other. */

import { Compare } from "./compare.js";
import { budgetText, byId, duration, percent } from "./elements.js";
import { draw } from "./maps.js";
import { parse, queryOf } from "./parsing.js";
import { SUPERSEDED } from "./requests.js";

/** Let the view ask for both budgets while it is open; `ask(work)` runs requests in the page's one turn. */
export function mountComparison(state, server, ask) {
  const compare = new Compare(byId("compare"), { label: "Divide between left and right budget" });
  const answers = new Map();
  const update = () => run(state, server, ask, compare, answers);
  for (const id of ["compare-left", "compare-right"]) {
    byId(id).addEventListener("input", () => {
      byId(`${id}-value`).textContent = budgetText(byId(id).value);
      update();
    });
  }
  byId("compare-map").addEventListener("change", update);
  state.on(["view", "answer", "streaming"], update);
}

async function run(state, server, ask, compare, answers) {
  const { view, answer, streaming } = state.values;
  if (view !== "compare" || !answer) return;
  byId("compare-note").textContent = streaming ? "Stop the camera to compare two budgets on its last picture." : "";
  if (streaming) return;
  forget(answers, answer.photo);
  const sides = [Number(byId("compare-left").value), Number(byId("compare-right").value)];
  const work = async (request) => {
    const found = [];
    for (const budget of sides) found.push(await answerAt(state.values, server, answers, budget, request));
    return found;
  };
  const known = sides.every((budget) => answers.has(keyOf(state.values, budget)));
  const outcome = await (known ? work({}) : ask(work));
  if (outcome && outcome !== SUPERSEDED) show(compare, outcome, state.values);
}

async function answerAt(values, server, answers, budget, request) {
  const key = keyOf(values, budget);
  if (!answers.has(key)) {
    // The budgets themselves are compared: what load or a deadline would make of them is not of interest here.
    const query = queryOf(values.answer.photo, { model: values.model, budget, minBudget: budget, deadline: null });
    answers.set(key, await parse(server, values.answer.photo, query, request));
  }
  return answers.get(key);
}

function keyOf({ model }, budget) {
  return `${model.name} ${model.version} ${budget}`;
}

/** Answers of another photograph are of no use any more; few of this one are worth their memory. */
function forget(answers, photo) {
  for (const [key, answer] of answers) if (answer.photo !== photo || answers.size > 12) answers.delete(key);
}

function show(compare, [left, right], { answer, range, highlight }) {
  const name = byId("compare-map").value;
  if (!(name in left.maps)) return;
  const canvases = [left, right].map((answer) => {
    const canvas = document.createElement("canvas");
    draw[name](canvas, answer, { range, highlight });
    return canvas;
  });
  compare.show(...canvases, text(left), text(right));
  const main = `The figures in the cards are of the main budget, ${budgetText(answer.meta.budget.used)}.`;
  byId("compare-note").textContent = [...(name === "semantics" ? agreement(left, right) : []), main].join(" ");
}

/** With the network's own time: the way there and back is the same for any budget, and hides what it saves. */
function text({ meta }) {
  const { budget, milliseconds } = meta;
  const time = `inference ${duration(milliseconds.inference)}`;
  return `Budget ${budgetText(budget.used)} · ${percent(budget.share)} · ${time}`;
}

function agreement(left, right) {
  const [first, second] = [left.maps.semantics, right.maps.semantics];
  if (first.length !== second.length) return [];
  const same = first.reduce((count, label, i) => count + (label === second[i] ? 1 : 0), 0);
  return [`Both name the same class on ${percent(same / first.length)} of the area.`];
}
