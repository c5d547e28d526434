/** The inputs: photographs from the file chooser, a drop, the clipboard or the samples; budget, deadline and model. */

import { budgetText, byId, make } from "./elements.js";

/** Samples in the order shown: where they are, what they show, and who may use them. */
const SAMPLES = [
  { file: "room.jpg", name: "Room", licence: "“room”, rendered for this project and no real place, CC0" },
  { file: "coffee.jpg", name: "Coffee", licence: "“coffee” by Rachel Michetti, from scikit-image, CC0" },
];
// A hand that pauses this long may be content with where it is.
const RESTED_MS = 350;

/** Let the controls set `photo`, `budget`, `minBudget`, `deadline` and `model`; `guarded(work)` shows a problem. */
export function mountInputs(state, server, guarded) {
  const open = async ([file], offered) => state.set({ photo: { ...(await photographOf(file, file.name)), offered } });
  const take = (files) => files.length && guarded(() => open(files, files.length));
  mountFiles(take);
  mountSamples(state, server, guarded);
  mountNumbers(state);
  byId("model").addEventListener("change", () => {
    state.set({ model: state.values.models.find(({ name }) => name === byId("model").value) });
  });
  state.on(["models", "model"], ({ models, model }) => showModels(models, model));
}

/** Show the sample `file`, or else the first, as the photograph. */
export async function openSample(state, server, wanted) {
  const { file } = SAMPLES.find((sample) => sample.file === wanted) ?? SAMPLES[0];
  const address = server.address(`page/samples/${file}`);
  const response = await server.request(address);
  state.set({ photo: await photographOf(await response.blob(), file, address) });
}

/**
 * Photograph of a file: {name, blob, image, width, height, address}.
 * `image` is null where this browser cannot show it: the server may still read it.
 * @param {Blob} blob the encoded image, sent as it is
 */
async function photographOf(blob, name, address = null) {
  const image = await createImageBitmap(blob).catch(() => null);
  return { name, blob, image, width: image?.width ?? 0, height: image?.height ?? 0, address };
}

function mountFiles(take) {
  const [chooser, zone] = [byId("file"), byId("drop")];
  chooser.addEventListener("change", () => {
    take([...chooser.files]);
    // The same file chosen again is a change too.
    chooser.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}

function mountSamples(state, server, guarded) {
  for (const { file, name, licence } of SAMPLES) {
    const picture = make("img", { src: `page/samples/${file}`, alt: "", width: 72, height: 48 });
    const button = make("button", { type: "button", data: { sample: file }, title: licence }, picture, name);
    button.addEventListener("click", () => guarded(() => openSample(state, server, file)));
    byId("samples").append(button);
  }
  byId("licences").textContent = `Samples: ${SAMPLES.map(({ licence }) => licence).join("; ")}.`;
  state.on(["photo"], ({ photo }) => {
    for (const button of byId("samples").children) {
      button.ariaPressed = Boolean(photo?.address) && button.dataset.sample === photo.name;
    }
  });
}

/** `dragging` is true while a pointer moves the slider, until it rests or is let go. */
function mountBudget(state) {
  const slider = byId("budget");
  let [pressed, timer] = [false, 0];
  const rest = () => state.set({ dragging: false });
  slider.addEventListener("pointerdown", () => (pressed = true));
  for (const kind of ["pointerup", "pointercancel", "change"]) {
    slider.addEventListener(kind, () => {
      pressed = false;
      rest();
    });
  }
  slider.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(rest, RESTED_MS);
    state.set({ budget: Number(slider.value), dragging: pressed });
  });
}

function mountNumbers(state) {
  mountBudget(state);
  state.on(["budget"], ({ budget }) => {
    byId("budget").value = budget;
    byId("budget-value").textContent = budgetText(budget);
  });
  byId("deadline").addEventListener("input", () => {
    if (byId("deadline").validity.valid) state.set({ deadline: numberIn(byId("deadline")) });
  });
  const check = () => state.set({ minBudget: leastBudget(state.values.budget) });
  byId("min-budget").addEventListener("input", check);
  state.on(["budget"], check);
}

/** Value of the field, null where it is empty; a value that cannot be used is explained below it and not sent. */
function leastBudget(budget) {
  const [field, problem] = [byId("min-budget"), byId("min-budget-problem")];
  const value = numberIn(field);
  const { badInput, rangeUnderflow, rangeOverflow } = field.validity;
  const wrong = badInput || rangeUnderflow || rangeOverflow || value > budget;
  field.setAttribute("aria-invalid", wrong);
  problem.hidden = !wrong;
  problem.textContent = wrong ? `Not used: it must be between ${field.min} and the budget, ${budgetText(budget)}.` : "";
  if (wrong) field.closest("details").open = true;
  return wrong ? null : value;
}

function numberIn({ value }) {
  return value === "" ? null : Number(value);
}

function showModels(models, model) {
  const options = models.map(({ name }) => make("option", { value: name, textContent: name }));
  byId("model").replaceChildren(...options);
  byId("model").value = model?.name ?? "";
  byId("model").disabled = models.length < 2;
  const about = model && `${model.description} Version ${model.version}. Weights: ${model.licence.weights}.`;
  byId("model").title = about ?? "";
}
