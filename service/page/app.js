/** Brings the parts of the page together: what changes asks anew, what is answered is shown. */

import { mountCloudView } from "./cloud_view.js";
import { mountComparison } from "./comparison.js";
import { mountCurve } from "./curve_view.js";
import { mountDownloads } from "./downloads.js";
import { byId } from "./elements.js";
import { mountInputs, openSample } from "./inputs.js";
import { mountLegend } from "./legend.js";
import { mountLive } from "./live.js";
import { mountNotices } from "./notices.js";
import { parse, queryOf } from "./parsing.js";
import { SAMPLES } from "./photograph.js";
import { mountReadout } from "./readout.js";
import { Latest, SUPERSEDED } from "./requests.js";
import { Problem, Server } from "./server.js";
import { State } from "./state.js";
import { mountTiming } from "./timing.js";
import { mountViews } from "./views.js";

/** Problems of which the photograph itself is the cause. */
const PHOTOGRAPH_REFUSED = [
  "empty-body", "body-too-large", "image-too-large", "image-too-small", "unsupported-image", "undecodable-image",
];

const server = new Server();
const latest = new Latest();
const state = new State({
  models: [], model: null,
  photo: null,
  budget: Number(byId("budget").value), minBudget: null, deadline: null,
  answer: null, asked: null, range: null, rangeOf: "",
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
mountLive(state, server);
mountComparison(state, server, compared);
mountCloudView(state);
mountNotices(state, server, retry);
state.on(["photo", "model", "budget", "minBudget", "deadline"], () => refresh());
state.on(["photo"], ({ photo }) => (byId("source").textContent = photo ? `${photo.name}${sizeText(photo)}` : ""));
state.on(["streaming"], ({ streaming }) => streaming && stop());
await guarded(begin);

/** Load the models, then show maps at once. */
async function begin() {
  const models = await server.models();
  const model = models.find((entry) => entry.default) ?? models[0];
  state.set({ models, model, budget: model.budget_default });
  if (!state.values.photo) await openSample(state, server, SAMPLES[0].file);
}

/** Ask for the maps of what is chosen now, unless they are those shown. */
async function refresh({ force = false } = {}) {
  const { photo, model, budget, minBudget, deadline, streaming, asked } = state.values;
  const wanted = { photo, model, budget, minBudget, deadline };
  if (!photo || !model || streaming || (!force && same(wanted, asked))) return;
  const answer = await ask((request) => parse(server, photo, queryOf(photo, wanted), request));
  if (answer && answer !== SUPERSEDED) state.set({ answer, asked: wanted });
}

/** Value of `work({signal, onWait})`, run in turn, with its progress and problem shown. */
async function ask(work) {
  state.set({ busy: true });
  const outcome = await guarded(() => latest.run((signal) => work({ signal, onWait })));
  if (outcome !== SUPERSEDED) state.set({ busy: false, waiting: false });
  return outcome;
}

/** The same for the comparison; what it superseded is asked for again. */
async function compared(work) {
  const outcome = await ask(work);
  refresh();
  return outcome;
}

function stop() {
  latest.stop();
  state.set({ busy: false, waiting: false });
}

function onWait(seconds, attempt, tries) {
  latest.postpone(1000 * seconds);
  const status = `The server is busy and asks to wait ${seconds} s: try ${attempt} of ${tries} follows.`;
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
  state.set({ problem, status: "" });
  // What is shown stays what is asked about: back to the last photograph that worked.
  const refused = PHOTOGRAPH_REFUSED.includes(problem.slug);
  if (refused && answer && photo !== answer.photo) state.set({ photo: answer.photo });
}

function retry() {
  if (state.values.model) refresh({ force: true });
  else guarded(begin);
}

function same(first, second) {
  return second !== null && Object.keys(first).every((name) => first[name] === second[name]);
}

function sizeText({ width, height }) {
  return width ? `, ${width} × ${height}` : "";
}
