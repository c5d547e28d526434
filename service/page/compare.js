/** The comparison of two budgets on the photograph: their maps, one upon the other under a slider. */

import { budgetText, byId, duration, percent } from "./elements.js";
import { KINDS, draw } from "./kinds.js";
import { parse, queryOf } from "./parsing.js";
import { SUPERSEDED } from "./requests.js";

/** Request both budgets while the view is open; `inTurn(work)` runs requests one at a time. */
export function mountComparison(state, server, inTurn) {
  const compare = new Compare(byId("compare"), { label: "Divide between left and right budget" });
  const answers = new Map();
  const update = () => run(state, server, inTurn, compare, answers);
  for (const id of ["compare-left", "compare-right"]) {
    byId(id).addEventListener("input", () => {
      byId(`${id}-value`).textContent = budgetText(byId(id).value);
      update();
    });
  }
  byId("compare-map").addEventListener("change", update);
  state.on(["view", "answer", "streaming"], update);
}

async function run(state, server, inTurn, compare, answers) {
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
  const outcome = await (known ? work({}) : inTurn(work));
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

function show(compare, answers, { answer, ranges, highlight }) {
  const name = byId("compare-map").value;
  const maps = answers.map(({ maps }) => maps.find((map) => map.name === name));
  if (!maps.every(Boolean)) return;
  const canvases = maps.map((map, i) => {
    const canvas = document.createElement("canvas");
    draw(canvas, answers[i], map, { ranges, highlight });
    return canvas;
  });
  compare.show(...canvases, ...answers.map(textOf));
  const agreement = KINDS[maps[0].kind].agreement?.(...maps);
  const main = `The figures in the cards are of the main budget, ${budgetText(answer.meta.budget.used)}.`;
  byId("compare-note").textContent = [agreement, main].filter(Boolean).join(" ");
}

/** With the network's own time: the way there and back is the same for any budget, and hides what it saves. */
function textOf({ meta }) {
  const { budget, milliseconds } = meta;
  const time = `inference ${duration(milliseconds.inference)}`;
  return `Budget ${budgetText(budget.used)} · ${percent(budget.share)} · ${time}`;
}

/** Two pictures one upon the other, and a slider that says how much of each is seen; `label` names it. */
class Compare {
  #stack = element("div", "compare-stack");
  #left = element("canvas", "compare-left-picture");
  #right = element("canvas", "compare-right-picture");
  #leftText = element("span", "compare-text");
  #rightText = element("span", "compare-text");
  #handle = element("div", "compare-handle");
  #range = element("input", "compare-range");

  constructor(container, { label }) {
    Object.assign(this.#range, { type: "range", min: 0, max: 100, step: 1, value: 50 });
    this.#range.setAttribute("aria-label", label);
    this.#stack.append(this.#left, this.#right, this.#handle, this.#leftText, this.#rightText);
    container.replaceChildren(this.#stack, this.#range);
    this.#layOut();
    this.#range.addEventListener("input", () => this.#divide());
    this.#stack.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#stack.addEventListener("pointermove", (event) => this.#follow(event));
    this.#divide();
  }

  /** Shows copies of two canvases, of which the left one decides the shape, under their texts. */
  show(leftCanvas, rightCanvas, leftText, rightText) {
    copy(leftCanvas, this.#left);
    copy(rightCanvas, this.#right);
    this.#stack.style.aspectRatio = `${leftCanvas.width} / ${leftCanvas.height}`;
    this.#leftText.textContent = leftText;
    this.#rightText.textContent = rightText;
    describe(this.#left, leftText);
    describe(this.#right, rightText);
    this.#divide();
  }

  // Set here, not in a style sheet, because nothing of it is a matter of taste: without it there is no slider.
  #layOut() {
    Object.assign(this.#stack.style, {
      position: "relative", overflow: "hidden", touchAction: "pan-y", cursor: "ew-resize", userSelect: "none",
    });
    const filling = { position: "absolute", inset: "0", width: "100%", height: "100%" };
    Object.assign(this.#left.style, filling);
    Object.assign(this.#right.style, filling);
    const line = { position: "absolute", top: "0", bottom: "0", width: "3px", marginLeft: "-1.5px" };
    Object.assign(this.#handle.style, line, { background: "#fff", boxShadow: "0 0 0 1px #000" });
    const corner = { position: "absolute", top: "0", padding: ".15em .5em", maxWidth: "48%", pointerEvents: "none" };
    for (const text of [this.#leftText, this.#rightText]) {
      Object.assign(text.style, corner, { background: "rgb(0 0 0 / .75)", color: "#fff", fontSize: ".85em" });
    }
    this.#leftText.style.left = "0";
    this.#rightText.style.right = "0";
    Object.assign(this.#range.style, { display: "block", width: "100%", margin: ".5em 0 0" });
  }

  #divide() {
    const part = Number(this.#range.value);
    this.#right.style.clipPath = `inset(0 0 0 ${part}%)`;
    this.#handle.style.left = `${part}%`;
    const [left, right] = [this.#leftText.textContent, this.#rightText.textContent];
    this.#range.setAttribute("aria-valuetext", `${part} % ${left}, ${100 - part} % ${right}`);
  }

  #grab(event) {
    if (event.button !== 0) return;
    this.#stack.setPointerCapture(event.pointerId);
    this.#range.focus({ preventScroll: true });
    // Else the press would take the focus away again.
    event.preventDefault();
    this.#follow(event);
  }

  #follow(event) {
    if (!this.#stack.hasPointerCapture(event.pointerId)) return;
    const box = this.#stack.getBoundingClientRect();
    this.#range.value = (100 * (event.clientX - box.left)) / box.width;
    this.#divide();
  }
}

function copy(source, target) {
  target.width = source.width;
  target.height = source.height;
  target.getContext("2d").drawImage(source, 0, 0);
}

function describe(canvas, text) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
}

function element(kind, className) {
  return Object.assign(document.createElement(kind), { className });
}
