/** The page's state: what is shown and what is requested, in one place; parts of the page listen to values. */

/** Values by name, replaced as a whole; a listener is called after a change of one of its names. */
export class State {
  #values;
  #listeners = [];

  /** @param {object} values every name with its first value */
  constructor(values) {
    this.#values = Object.freeze({ ...values });
  }

  /** @returns {object} the values as they are now, frozen */
  get values() {
    return this.#values;
  }

  /** Call `listener(values)` after each change of one of `names`. */
  on(names, listener) {
    this.#listeners.push({ names, listener });
  }

  /** Take over `changes`; listeners whose names kept their values are not called. */
  set(changes) {
    const changed = Object.keys(changes).filter((name) => changes[name] !== this.#values[name]);
    this.#values = Object.freeze({ ...this.#values, ...changes });
    for (const { names, listener } of this.#listeners) {
      if (names.some((name) => changed.includes(name))) listener(this.#values);
    }
  }
}
