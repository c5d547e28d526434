/** The address bar: model, budget, view and sample stand behind its #, so that a link leads to what is seen. */

import { byId } from "./elements.js";

const VIEWS = ["maps", "overlay", "compare", "cloud"];

/** What the address asks for: {model, budget, view, sample}, each undefined where it does not, or asks for nonsense. */
export function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const budget = Number(asked.get("budget"));
  const slider = byId("budget");
  const [view, sample] = [asked.get("view"), asked.get("sample")];
  return {
    model: asked.get("model") ?? undefined,
    budget: budget >= Number(slider.min) && budget <= Number(slider.max) ? budget : undefined,
    view: VIEWS.includes(view) ? view : undefined,
    // A name, never a path or an address of another host.
    sample: /^[a-z0-9_]+\.jpg$/.test(sample ?? "") ? sample : undefined,
  };
}

/** Let the address follow the state; of photographs it names the samples alone. It adds no step to the history. */
export function mountAddress(state) {
  const write = ({ model, models, budget, dragging, view, photo }) => {
    if (!model || dragging) return;
    const said = new URLSearchParams();
    if (models.length > 1) said.set("model", model.name);
    said.set("budget", String(budget));
    if (view !== VIEWS[0]) said.set("view", view);
    if (photo?.address) said.set("sample", photo.name);
    history.replaceState(null, "", `#${said}`);
  };
  state.on(["model", "budget", "dragging", "view", "photo"], write);
}
