/** One request at a time: it is let finish, unless it is slow; then the one asked for last follows. */

/** What a superseded request resolves to. */
export const SUPERSEDED = Symbol("superseded");

// A slider tells of every pixel it moves: what it asked for is shown on the way, but not waited for longer than this.
const PATIENCE_MS = 600;

/** Runs work in turn, at most one at a time. */
export class Latest {
  #turn = 0;
  #waiting = 0;
  #begun = 0;
  #earliest = 0;
  #controller = null;
  #ended = Promise.resolve();

  /** Whether anything runs or waits. */
  get busy() {
    return this.#waiting > 0;
  }

  /** Value of `work(signal)`, or SUPERSEDED if it was aborted, or something newer asked for before it began. */
  async run(work) {
    const turn = ++this.#turn;
    this.#waiting += 1;
    try {
      await this.#free(turn);
      return turn === this.#turn ? await this.#begin(work, turn) : SUPERSEDED;
    } finally {
      this.#waiting -= 1;
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

  async #begin(work, turn) {
    const controller = (this.#controller = new AbortController());
    this.#begun = performance.now();
    const outcome = work(controller.signal);
    this.#ended = outcome.then(nothing, nothing);
    try {
      const value = await outcome;
      return controller.signal.aborted ? SUPERSEDED : value;
    } catch (error) {
      // What failed is not asked for any more: whatever is now may succeed.
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
