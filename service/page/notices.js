/** The notices: progress of slow answers, waits, problems, and the question for a key. */

import { splitOf } from "./curve.js";
import { budgetText, byId, duration, make, percent } from "./elements.js";
import { Problem } from "./server.js";
import { isChanged, reasonText } from "./timing.js";

const SLOW_MS = 300;
const SETTLED_MS = 200;

/** Statuses after which the very same request may succeed; 0: no answer. */
const PASSING = [0, 408, 429, 500, 502, 503, 504];

/** Title and detail, by its slug, of a problem of which the photograph is the cause. */
const REFUSALS = {
  "unsupported-image": (name, { about }) => [
    `${name} is not a picture that this server reads`,
    `It reads ${about.supported?.join(", ") ?? "JPEG and PNG"}.`,
  ],
  "empty-body": (name) => [`${name} is empty`, "Choose another file, or copy it anew."],
  "image-too-small": (name, { about }) => [
    `${name} is too small`,
    `It has ${about.width} × ${about.height} pixels; both sides must be at least ${about.limit}.`,
  ],
  "image-too-large": (name, { detail }) => [`${name} is too large`, `${detail} Make it smaller first.`],
  "body-too-large": (name, { detail }) => [`${name} is too large`, detail],
  "undecodable-image": (name) => [`${name} is damaged`, "It begins like a picture but cannot be read to its end."],
};

/** Show `busy`, `status` and `problem` as they change; a button, or a key that was given, calls `retry()`. */
export function mountNotices(state, server, retry) {
  let timer = 0;
  state.on(["busy"], ({ busy, answer, problem }) => {
    clearTimeout(timer);
    if (busy) timer = setTimeout(() => showProgress(state), SLOW_MS);
    else byId("progress").hidden = true;
    // What was computed need not be another answer: a comparison is not.
    if (!busy && answer && !problem) saySoon(state, answer);
  });
  // What was to be said of a frame is out of date once the camera stops.
  state.on(["streaming"], () => clearTimeout(said));
  state.on(["status"], ({ status }) => (byId("status").textContent = status));
  state.on(["problem"], ({ problem, answer }) => showProblem(problem, answer, retry));
  state.on(["answer"], ({ answer }) => answer && showAnswer(state, answer));
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    server.key = byId("key").value.trim();
    byId("key").value = "";
    byId("key-form").hidden = true;
    retry();
  });
}

/** The problem in the page's words; null if the photograph is not its cause. */
export function refusalOf(problem, { name }) {
  const words = REFUSALS[problem.slug];
  if (!words) return null;
  const [title, detail] = words(name, problem);
  const { status, slug, requestId, about } = problem;
  return new Problem({ title, detail, status, slug, requestId, about });
}

function showProgress(state) {
  byId("progress").hidden = false;
  if (!state.values.waiting) state.set({ status: "Computing …" });
}

let said = 0;

function showAnswer(state, answer) {
  const { budget } = answer.meta;
  byId("reason").textContent = reasonText(budget, answer.query, stepsOf(state.values.model));
  byId("reason").classList.toggle("changed", isChanged(budget));
  saySoon(state, answer);
}

/** Shares that were spent where the model was measured. */
function stepsOf(model) {
  return splitOf(model).rows.map(({ share }) => share).filter(Number.isFinite);
}

function saySoon(state, { meta: { budget }, latency }) {
  const cost = `${percent(budget.share)} of the multiply-adds, ${duration(latency)}`;
  const status = `Budget ${budgetText(budget.used)}: ${cost}`;
  clearTimeout(said);
  // Read aloud: once for all frames of a camera, and once the slider rests.
  if (state.values.streaming) return state.set({ status: "Streaming from the camera" });
  said = setTimeout(() => state.set({ status }), SETTLED_MS);
  return undefined;
}

function showProblem(problem, answer, retry) {
  const panel = byId("problem");
  panel.hidden = !problem;
  panel.replaceChildren();
  byId("key-form").hidden = problem?.status !== 401;
  if (!problem) return;
  panel.append(make("strong", { textContent: problem.title }), make("p", { textContent: problem.detail }));
  const about = make("p", { className: "row" });
  if (PASSING.includes(problem.status)) about.append(againButton(retry));
  if (answer) about.append(quiet(`The maps of ${answer.photo.name} below are from before.`));
  if (problem.requestId) about.append(quiet(`Request ${problem.requestId}`));
  panel.append(about);
  if (problem.status === 401) byId("key").focus();
}

function againButton(retry) {
  const button = make("button", { type: "button", textContent: "Try again" });
  button.addEventListener("click", retry);
  return button;
}

function quiet(textContent) {
  return make("span", { className: "quiet", textContent });
}
