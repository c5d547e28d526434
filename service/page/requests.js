/** The queue of requests: one runs at a time, a slow one is aborted, and of those that wait the newest follows. */

/** What a superseded request resolves to. */
export const SUPERSEDED = Symbol("superseded");

// A slider requests maps at every pixel it moves: those on the way are shown, but not waited for longer than this.
const PATIENCE_MS = 600;

/** Runs work in turn, at most one at a time. */
export class Latest {
  #turn = 0;
  #pending = 0;
  #begun = 0;
  #earliest = 0;
  #controller = null;
  #ended = Promise.resolve();

  /** Whether anything runs or waits. */
  get busy() {
    return this.#pending > 0;
  }

  /** Value of `work(signal)`, or SUPERSEDED if it was aborted, or something newer came before it began. */
  async run(work) {
    const turn = ++this.#turn;
    this.#pending += 1;
    try {
      await this.#free(turn);
      return turn === this.#turn ? await this.#begin(work, turn) : SUPERSEDED;
    } finally {
      this.#pending -= 1;
    }
  }

  /** Abort what is under way and forget what waits. */
  stop() {
    this.#turn += 1;
    this.#controller?.abort();
  }

  /** Start nothing for `milliseconds`: the server wishes so. */
  postpone(milliseconds) {
    this.#earliest = performance.now() + milliseconds;
  }

  async #begin(work, turn) {
    const controller = (this.#controller = new AbortController());
    this.#begun = performance.now();
    const outcome = work(controller.signal);
    this.#ended = outcome.then(nothing, nothing);
    try {
      const value = await outcome;
      return controller.signal.aborted ? SUPERSEDED : value;
    } catch (error) {
      // Nobody wants any more what failed: what is wanted now may succeed.
      if (controller.signal.aborted || turn !== this.#turn) return SUPERSEDED;
      throw error;
    }
  }

  async #free(turn) {
    await Promise.race([this.#ended, sleep(this.#begun + PATIENCE_MS - performance.now())]);
    if (turn !== this.#turn) return;
    this.#controller?.abort();
    await this.#ended;
    await sleep(this.#earliest - performance.now());
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
