/** One request at a time: what is asked last counts, what is under way for older values is aborted. */

/** What a superseded request resolves to. */
export const SUPERSEDED = Symbol("superseded");

// A slider tells of every pixel it moves; quick answers are shown in between, slow ones are aborted.
const PAUSE_MS = 100;

/** Runs work in turn, at most one at a time. */
export class Latest {
  #turn = 0;
  #earliest = 0;
  #controller = null;
  #ended = Promise.resolve();

  /** Value of `work(signal)`, or SUPERSEDED if something newer was asked for before it ended. */
  async run(work) {
    const turn = ++this.#turn;
    await this.#free(turn);
    if (turn !== this.#turn) return SUPERSEDED;
    const controller = (this.#controller = new AbortController());
    this.#earliest = performance.now() + PAUSE_MS;
    const outcome = work(controller.signal);
    this.#ended = outcome.then(nothing, nothing);
    try {
      const value = await outcome;
      return controller.signal.aborted ? SUPERSEDED : value;
    } catch (error) {
      if (controller.signal.aborted) return SUPERSEDED;
      throw error;
    }
  }

  /** Abort what is under way and forget what waits. */
  stop() {
    this.#turn += 1;
    this.#controller?.abort();
  }

  /** Start nothing for `milliseconds`: the server asked for it. */
  postpone(milliseconds) {
    this.#earliest = performance.now() + milliseconds;
  }

  async #free(turn) {
    await sleep(this.#earliest - performance.now());
    if (turn !== this.#turn) return;
    this.#controller?.abort();
    await this.#ended;
  }
}

/** Resolves after `milliseconds`; rejects when `signal` aborts. */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (!(milliseconds > 0)) return resolve();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    return signal?.addEventListener("abort", stop, { once: true });
  });
}

function nothing() {}
