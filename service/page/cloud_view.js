/** The 3-D view: depth as points in the colours of the photograph or of the classes. */

import { PointCloud } from "./cloud.js";
import { byId } from "./elements.js";
import { draw } from "./maps.js";

/** Draw the cloud of each answer while its view is open. */
export function mountCloudView(state) {
  let cloud = null;
  const update = () => {
    const { view, answer, highlight } = state.values;
    if (view !== "cloud" || !answer?.maps.depth) return;
    // Only now: few visitors open it, and a WebGL context is dear.
    cloud ??= new PointCloud(byId("cloud"));
    if (cloud.supported) cloud.show(pictureOf(answer, byId("cloud-colour").value, highlight));
  };
  byId("cloud-colour").addEventListener("change", update);
  byId("cloud-reset").addEventListener("click", () => cloud?.reset());
  state.on(["view", "answer", "highlight"], update);
}

function pictureOf(answer, colour, highlight) {
  const canvas = document.createElement("canvas");
  const name = colour in answer.maps ? colour : "photograph";
  draw[name](canvas, answer, { highlight });
  const { width, height } = answer;
  const colours = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return { depth: answer.maps.depth, width, height, colours };
}
