/** The page as a whole: a change of what is chosen requests maps anew, and each answer is shown. */

import { mountAddress, readAddress } from "./address.js";
import { mountCamera } from "./camera.js";
import { mountCloud } from "./cloud.js";
import { mountComparison } from "./compare.js";
import { mountCurve } from "./curve.js";
import { mountDownloads } from "./downloads.js";
import { byId } from "./elements.js";
import { mountInputs, openSample } from "./inputs.js";
import { mountLegend } from "./legend.js";
import { mountNotices, refusalOf } from "./notices.js";
import { isSmall, parse, queryOf } from "./parsing.js";
import { mountReadout } from "./readout.js";
import { Latest, SUPERSEDED } from "./requests.js";
import { CAMERA, NO_ANSWER, Problem, Server } from "./server.js";
import { State } from "./state.js";
import { mountTiming } from "./timing.js";
import { mountViews } from "./views.js";

// At a model's full budget nothing is left out, and there is nothing to see of that.
const FIRST_BUDGET = 0.5;

const server = new Server();
const latest = new Latest();
const state = new State({
  models: [], model: null,
  photo: null,
  budget: Number(byId("budget").value), dragging: false, minBudget: null, deadline: null,
  answer: null, requested: null, ranges: {}, rangesFor: "",
  view: "maps", highlight: null, cursor: null,
  busy: false, waiting: false, status: "", problem: null, streaming: false,
});

mountInputs(state, server, guarded);
mountViews(state);
mountLegend(state);
mountReadout(state);
mountTiming(state);
mountCurve(state);
mountDownloads(state, server, guarded);
const startCamera = mountCamera(state, server);
mountComparison(state, server, compared);
mountCloud(state);
mountNotices(state, server, retry);
mountAddress(state);
// Maps of another photograph, or of another model, are of no use however soon they come.
state.on(["photo", "model"], () => latest.stop());
state.on(["photo", "model", "budget", "dragging", "minBudget", "deadline"], follow);
state.on(["photo"], ({ photo }) => (byId("source").textContent = photo ? sourceText(photo) : ""));
state.on(["streaming"], ({ streaming }) => streaming && stop());
addEventListener("online", () => state.values.problem?.slug === NO_ANSWER && retry());
await guarded(begin);

/** Load the models, then show maps at once. */
async function begin() {
  const [models, asked] = [await server.models(), readAddress()];
  const named = models.find(({ name }) => name === asked.model);
  const model = named ?? models.find((entry) => entry.default) ?? models[0];
  const budget = asked.budget ?? Math.min(model.budget_default, Math.max(FIRST_BUDGET, model.budget_floor));
  state.set({ models, model, budget, view: asked.view ?? state.values.view });
  if (!state.values.photo) await openSample(state, server, asked.sample);
}

/** Request anew after a change, unless it leads back to what is shown: then nothing is under way or wrong any more. */
function follow({ photo, model, streaming, requested }) {
  if (!photo || !model || streaming || !same(wantedOf(state.values), requested)) return refresh();
  stop();
  return state.set({ problem: null });
}

/** Request the maps of what is chosen now, unless they are those shown. */
async function refresh({ force = false } = {}) {
  const { photo, model, streaming, requested } = state.values;
  if (!photo || !model || streaming) return;
  const wanted = wantedOf(state.values);
  if (!force && same(wanted, requested)) return;
  const query = { ...queryOf(photo, wanted), size: wanted.size };
  const answer = await inTurn((request) => parse(server, photo, query, request));
  if (!answer || answer === SUPERSEDED) return;
  // At a high budget the network sees the photograph at its own size: larger maps would hold no more.
  const full = answer.height === photo.height && answer.width === photo.width;
  state.set({ answer, requested: full ? { ...wanted, size: "input" } : wanted });
}

/** All that decides on the maps; while the slider moves, those of the network's own size do: they come sooner. */
function wantedOf({ photo, model, budget, dragging, minBudget, deadline }) {
  const size = dragging || !photo || !isSmall(photo) ? "model" : "input";
  return { photo, model, budget, minBudget, deadline, size };
}

/** Value of `work({signal, onWait})`, run in turn, with its progress and problem shown. */
async function inTurn(work) {
  state.set({ busy: true });
  const outcome = await guarded(() => latest.run((signal) => work({ signal, onWait })));
  if (!latest.busy) state.set({ busy: false, waiting: false });
  return outcome;
}

/** The same for the comparison; what it superseded is requested again. */
async function compared(work) {
  const outcome = await inTurn(work);
  refresh();
  return outcome;
}

function stop() {
  latest.stop();
  state.set({ busy: false, waiting: false });
}

function onWait(seconds, attempt, tries) {
  latest.postpone(1000 * seconds);
  const status = `The server is busy; try ${attempt} of ${tries} follows in ${seconds} s.`;
  state.set({ waiting: true, status });
}

/** Value of `work()`; undefined if it failed, which is shown. */
async function guarded(work) {
  try {
    const value = await work();
    if (value !== SUPERSEDED) state.set({ problem: null });
    return value;
  } catch (error) {
    fail(error instanceof Problem ? error : new Problem({ title: "The page failed", detail: String(error) }));
    return undefined;
  }
}

function fail(problem) {
  const { photo, answer } = state.values;
  const refusal = photo && refusalOf(problem, photo);
  // Back to the last photograph that worked, whose maps are still shown.
  if (refusal && answer && photo !== answer.photo) state.set({ photo: answer.photo });
  state.set({ problem: refusal ?? problem, status: "" });
}

function retry() {
  if (state.values.problem?.slug === CAMERA) startCamera();
  else if (state.values.model) refresh({ force: true });
  else guarded(begin);
}

function same(first, second) {
  return second !== null && Object.keys(first).every((name) => first[name] === second[name]);
}

function sourceText({ name, width, height, offered = 1 }) {
  const size = width ? `, ${width} × ${height}` : "";
  const left = offered > 1 ? `. Of ${offered} files only this first one was taken.` : "";
  return `${name}${size}${left}`;
}
