/**
 * Events wait here, in order, for a page that takes them in its own time.
 */

import { placeOf } from "./lanes.js";

/** So many events wait before the line is closed. */
export const EVENTS_HELD = 10_000;

/** Events in order until it is closed. */
export class EventQueue {
  #limit;
  /** @type {any[]} */
  #events = [];
  /** @type {Error | boolean} */
  #closed = false;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} [limit] beyond so many events it is full; it takes more all the same */
  constructor(limit = EVENTS_HELD) {
    this.#limit = limit;
  }

  get full() {
    return this.#events.length >= this.#limit;
  }

  /** @param {object} event */
  put(event) {
    if (this.#closed === false) this.#events.push(event);
    this.#moved();
  }

  /**
   * These positions without what waits here: where whoever takes the events stands.
   *
   * @param {import("./lanes.js").Vector} vector
   * @returns {import("./lanes.js").Vector}
   */
  before(vector) {
    for (const event of [...this.#events].reverse()) {
      if (event.lane) (vector[placeOf(event)] ??= {})[event.lane] = event.n - 1;
    }
    return vector;
  }

  /**
   * Nothing more will come; whoever has taken all that is here gets `error`, or the end.
   *
   * @param {Error | null} error
   */
  close(error) {
    if (this.#closed === false) this.#closed = error ?? true;
    this.#moved();
  }

  /** Wait until half of it is empty, or it is closed. */
  async room() {
    while (this.#closed === false && this.#events.length > this.#limit / 2) await this.#move();
  }

  /**
   * Events as they come, until it is closed.
   *
   * @returns {AsyncGenerator<object, void, void>}
   */
  async *take() {
    for (;;) {
      while (this.#events.length > 0) {
        const event = this.#events.shift();
        this.#moved();
        yield /** @type {object} */ (event);
      }
      if (this.#closed instanceof Error) throw this.#closed;
      if (this.#closed) return;
      await this.#move();
    }
  }

  #move() {
    return new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  }

  #moved() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
