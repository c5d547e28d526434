/** What the page says of its work: progress of slow answers, waits, problems, and the question for a key. */

import { budgetText, byId, duration, make, percent } from "./elements.js";
import { isChanged, reasonText } from "./timing.js";

const SLOW_MS = 300;
const SETTLED_MS = 200;

/** Show `busy`, `status` and `problem` as they change; `retry()` is asked for by a button, or once a key is given. */
export function mountNotices(state, server, retry) {
  let timer = 0;
  state.on(["busy"], ({ busy }) => {
    clearTimeout(timer);
    if (busy) timer = setTimeout(() => showProgress(state), SLOW_MS);
    else byId("progress").hidden = true;
  });
  state.on(["status"], ({ status }) => (byId("status").textContent = status));
  state.on(["problem"], ({ problem }) => showProblem(problem, retry));
  state.on(["answer"], ({ answer }) => answer && showAnswer(state, answer));
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    server.key = byId("key").value.trim();
    byId("key").value = "";
    byId("key-form").hidden = true;
    retry();
  });
}

function showProgress(state) {
  byId("progress").hidden = false;
  if (!state.values.waiting) state.set({ status: "Computing …" });
}

let said = 0;

function showAnswer(state, { meta, latency, query }) {
  const { budget } = meta;
  byId("reason").textContent = reasonText(budget, query);
  byId("reason").classList.toggle("changed", isChanged(budget));
  const status = `Budget ${budgetText(budget.used)}: ${percent(budget.share)} of the multiply-adds, ${duration(latency)}`;
  // Read aloud: once the slider rests, and not for each frame of a camera.
  clearTimeout(said);
  said = setTimeout(() => state.set({ status: state.values.streaming ? "Streaming from the camera" : status }), SETTLED_MS);
}

function showProblem(problem, retry) {
  const panel = byId("problem");
  byId("key-form").hidden = problem?.status !== 401;
  panel.hidden = !problem;
  panel.replaceChildren();
  if (!problem) return;
  panel.append(make("strong", { textContent: problem.title }), make("p", { textContent: problem.detail }));
  const again = make("button", { type: "button", textContent: "Try again" });
  again.addEventListener("click", retry);
  const id = problem.requestId ? make("span", { className: "quiet", textContent: `request ${problem.requestId}` }) : "";
  panel.append(make("p", { className: "row" }, problem.status === 401 ? "" : again, id));
  if (problem.status === 401) byId("key").focus();
}
