/** The camera button: frames go out, maps come back, until it is pressed again. */

import { Camera } from "./camera.js";
import { byId } from "./elements.js";
import { queryOf } from "./parsing.js";
import { CAMERA, Problem } from "./server.js";
import { FrameStream } from "./stream.js";

/** Let the camera button start and stop the stream; `state.streaming` tells. Returns what starts it. */
export function mountLive(state, server) {
  const camera = new Camera(byId("video"));
  let stream = null;
  const stop = (problem = null) => {
    stream?.stop();
    stream = null;
    camera.stop();
    state.set({ streaming: false, status: "Camera stopped", ...(problem && { problem }) });
  };
  const start = async () => {
    state.set({ streaming: true, problem: null, status: "Starting the camera …" });
    try {
      if (!(await camera.start())) return;
      stream = open(state, server, stop);
      await pump(camera, stream);
    } catch (error) {
      stop(new Problem({ title: "No pictures from the camera", detail: error.message, slug: CAMERA }));
    }
  };
  byId("camera").addEventListener("click", () => (state.values.streaming ? stop() : start()));
  state.on(["budget", "minBudget", "deadline", "model"], () => {
    if (state.values.streaming) stream?.change(frameQuery(state.values));
  });
  // A photograph that was chosen takes the camera's place.
  state.on(["photo"], ({ photo, streaming }) => streaming && !photo?.live && stop());
  state.on(["streaming"], ({ streaming }) => show(streaming));
  return start;
}

function frameQuery(values) {
  // At the network's own size maps are smaller and no less exact: more frames a second.
  return { ...queryOf({}, values), size: "model" };
}

function open(state, server, stop) {
  return new FrameStream(server, frameQuery(state.values), {
    onAnswer: (answer, { rate, dropped }) => {
      if (!state.values.streaming) return;
      state.set({ answer, photo: answer.photo, problem: null });
      byId("frames-per-second").textContent = rate === null ? "–" : rate.toFixed(1);
      byId("frames-dropped").textContent = dropped;
    },
    onProblem: (problem) => state.set({ problem }),
    onEnd: (problem) => problem && stop(problem),
  });
}

async function pump(camera, stream) {
  while (!stream.ended) {
    await camera.next();
    if (!stream.ended && stream.wantsFrame) stream.send(await camera.photograph());
  }
}

function show(streaming) {
  byId("camera").ariaPressed = streaming;
  byId("camera").textContent = streaming ? "Stop the camera" : "Camera";
  byId("frames").hidden = !streaming;
}
