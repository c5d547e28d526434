/** Frames over the WebSocket /stream: the newest wins, answers come in order. */

import { readAnswer } from "./parsing.js";
import { CAMERA, Problem, problemOf } from "./server.js";

// One is computed while the next is on its way; more would only grow old.
const UNDER_WAY = 2;

/** One stream; its handlers: `onAnswer(answer, {rate, dropped})`, `onProblem(problem)`, `onEnd(problem or null)`. */
export class FrameStream {
  #socket;
  #handlers;
  #query;
  #photos = new Map();
  #sent = 0;
  #answered = 0;
  #dropped = 0;
  #head = null;
  #opened = false;
  #stopped = false;

  /** Open a stream with the options of POST /parse in `query`. */
  constructor(server, query, handlers) {
    this.#handlers = handlers;
    this.#query = query;
    this.#socket = server.stream(query);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => (this.#opened = true));
    this.#socket.addEventListener("message", ({ data }) => this.#receive(data));
    this.#socket.addEventListener("close", (event) => this.#close(event));
  }

  /** Whether another frame would be of use now. */
  get wantsFrame() {
    return this.#opened && this.#sent - this.#answered < UNDER_WAY && this.#socket.bufferedAmount === 0;
  }

  /** Whether nothing can be sent any more. */
  get ended() {
    return this.#socket.readyState > WebSocket.OPEN;
  }

  /** Send a photograph. */
  send(photo) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#photos.set(this.#sent, { photo, sent: performance.now() });
    this.#sent += 1;
    this.#socket.send(photo.blob);
  }

  /** Use other options from the next frame on. */
  change(query) {
    this.#query = query;
    if (this.#opened) this.#socket.send(JSON.stringify(query));
  }

  /** End it. */
  stop() {
    this.#stopped = true;
    this.#socket.close(1000);
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

const REFUSED = "The server refused it or does not answer: it may be stopping, have too many streams, or want a key.";
