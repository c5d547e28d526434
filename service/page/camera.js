/** The camera: frames go out over the WebSocket /stream and maps come back, until it is stopped. */

import { byId } from "./elements.js";
import { queryOf, readAnswer } from "./parsing.js";
import { CAMERA, Problem, problemOf } from "./server.js";

const QUALITY = 0.85;
const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "environment" }, audio: false };
// One is computed while the next is on its way; more would only grow old.
const UNDER_WAY = 2;
const WHY = {
  Insecure: "This browser lends its camera to pages of https or of localhost only.",
  NotAllowedError: "The camera was not allowed. Allow it for this page in the browser's settings.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "The camera is in use elsewhere.",
};
const REFUSED = "The server refused it or does not answer: it may be stopping, have too many streams, or want a key.";

/** Let the camera button start and stop the stream; `state.streaming` tells. Returns what starts it. */
export function mountCamera(state, server) {
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

/** A camera that runs until `stop`; throws an Error that says why there is none. */
class Camera {
  #video;
  #stream = null;
  #turn = 0;
  #canvas = document.createElement("canvas");

  /** @param {HTMLVideoElement} video plays the camera, seen or not */
  constructor(video) {
    this.#video = video;
  }

  /** Ask for the camera and start it; false if it was stopped, or started again, before it came. */
  async start() {
    this.stop();
    const turn = this.#turn;
    // Browsers give it to pages of https and of this machine alone.
    if (!navigator.mediaDevices) throw new Error(WHY.Insecure);
    try {
      await this.#play(await navigator.mediaDevices.getUserMedia(WANTED), turn);
    } catch (error) {
      if (turn === this.#turn) throw new Error(WHY[error.name] ?? `The camera did not start: ${error.message}.`);
    }
    return turn === this.#turn;
  }

  /** Resolves at the next picture that the camera shows. */
  next() {
    return new Promise((resolve) => {
      if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(() => resolve());
      else setTimeout(resolve, 33);
    });
  }

  /** The picture shown now, a photograph as elsewhere that is `live`. */
  async photograph() {
    const [canvas, video] = [this.#canvas, this.#video];
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const image = await createImageBitmap(canvas);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return { name: "frame.jpg", blob, image, width: canvas.width, height: canvas.height, address: null, live: true };
  }

  /** Give the camera back, now or as soon as it comes. */
  stop() {
    this.#turn += 1;
    end(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  async #play(stream, turn) {
    if (turn !== this.#turn) return end(stream);
    this.#stream = stream;
    this.#video.srcObject = stream;
    return this.#video.play();
  }
}

function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * One stream, in which the newest frame wins and answers come in order; its handlers:
 * `onAnswer(answer, {rate, dropped})`, `onProblem(problem)`, `onEnd(problem or null)`.
 */
class FrameStream {
  #socket;
  #handlers;
  #query;
  #photos = new Map();
  #sent = 0;
  #answered = 0;
  #dropped = 0;
  #head = null;
  #opened = false;
  #changed = false;
  #stopped = false;

  /** Open a stream with the options of POST /parse in `query`. */
  constructor(server, query, handlers) {
    this.#handlers = handlers;
    this.#query = query;
    this.#socket = server.stream(query);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => this.#open());
    this.#socket.addEventListener("message", ({ data }) => this.#receive(data));
    this.#socket.addEventListener("close", (event) => this.#close(event));
  }

  /** Whether another frame would be of use now. */
  get wantsFrame() {
    return this.#opened && this.#sent - this.#answered < UNDER_WAY && this.#socket.bufferedAmount === 0;
  }

  /** Whether nothing can be sent any more. */
  get ended() {
    return this.#stopped || this.#socket.readyState > WebSocket.OPEN;
  }

  /** Send a photograph. */
  send(photo) {
    if (this.ended || !this.#opened) return;
    this.#photos.set(this.#sent, { photo, sent: performance.now() });
    this.#sent += 1;
    this.#socket.send(photo.blob);
  }

  /** Use other options from the next frame on, or from the first one if it is not open yet. */
  change(query) {
    this.#query = query;
    this.#changed = !this.#opened;
    if (this.#opened) this.#socket.send(JSON.stringify(query));
  }

  /** End it, now or as soon as it is open: browsers complain of a socket that is closed before. */
  stop() {
    this.#stopped = true;
    if (this.#opened) this.#socket.close(1000);
  }

  #open() {
    this.#opened = true;
    if (this.#stopped) this.#socket.close(1000);
    else if (this.#changed) this.change(this.#query);
  }

  #receive(data) {
    if (typeof data !== "string") return this.#answer(data);
    const head = JSON.parse(data);
    if (!head.problem) this.#head = head;
    else {
      if (head.frame !== null) this.#settle(head);
      this.#handlers.onProblem(problemOf(head.problem));
    }
    return undefined;
  }

  #answer(body) {
    const head = this.#head;
    const { photo, sent } = this.#photos.get(head.frame);
    this.#settle(head);
    const latency = performance.now() - sent;
    const answer = readAnswer(body);
    const stages = Object.entries(answer.meta.milliseconds);
    const about = { rate: head.frames_per_second, dropped: this.#dropped };
    this.#handlers.onAnswer({ ...answer, stages, latency, photo, query: this.#query }, about);
  }

  #settle({ frame, dropped }) {
    this.#answered = frame + 1;
    this.#dropped += dropped;
    for (const number of this.#photos.keys()) if (number <= frame) this.#photos.delete(number);
  }

  #close({ code, reason }) {
    if (this.#stopped) return this.#handlers.onEnd(null);
    const title = this.#opened ? "The stream ended" : "The stream could not be opened";
    const detail = this.#opened ? `The server closed it: ${reason.replace(/\.$/, "") || `code ${code}`}.` : REFUSED;
    return this.#handlers.onEnd(new Problem({ title, detail, slug: CAMERA }));
  }
}
