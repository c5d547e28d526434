/** Photographs from the file chooser, a drop, the clipboard or the samples; budget, deadline and model. */

import { budgetText, byId, make } from "./elements.js";
import { SAMPLES, photographOf, sampleOf } from "./photograph.js";

/** Let the controls set `photo`, `budget`, `minBudget`, `deadline` and `model`; `guarded(work)` shows a problem. */
export function mountInputs(state, server, guarded) {
  const take = (file) => guarded(async () => state.set({ photo: await photographOf(file, file.name) }));
  mountFiles(take);
  mountSamples(state, server, guarded);
  mountNumbers(state);
  byId("model").addEventListener("change", () => {
    state.set({ model: state.values.models.find(({ name }) => name === byId("model").value) });
  });
  state.on(["models", "model"], ({ models, model }) => showModels(models, model));
}

/** Show the sample `file` as the photograph. */
export async function openSample(state, server, file) {
  state.set({ photo: await sampleOf(server, file) });
}

function mountFiles(take) {
  const [chooser, zone] = [byId("file"), byId("drop")];
  chooser.addEventListener("change", () => {
    if (chooser.files.length) take(chooser.files[0]);
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
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) take(file);
  });
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

function mountNumbers(state) {
  byId("budget").addEventListener("input", () => state.set({ budget: Number(byId("budget").value) }));
  state.on(["budget"], ({ budget }) => {
    byId("budget").value = budget;
    byId("budget-value").textContent = budgetText(budget);
  });
  for (const [id, name] of [["deadline", "deadline"], ["min-budget", "minBudget"]]) {
    byId(id).addEventListener("input", () => {
      const field = byId(id);
      if (field.validity.valid) state.set({ [name]: field.value === "" ? null : Number(field.value) });
    });
  }
}

function showModels(models, model) {
  const options = models.map(({ name }) => make("option", { value: name, textContent: name }));
  byId("model").replaceChildren(...options);
  byId("model").value = model?.name ?? "";
  byId("model").disabled = models.length < 2;
  const about = model && `${model.description} Version ${model.version}. Weights: ${model.licence.weights}.`;
  byId("model").title = about ?? "";
}
