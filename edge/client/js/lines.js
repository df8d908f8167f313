/**
 * One line after another, until one is refused: it comes back by itself, with growing pauses.
 */

import { LONGEST_MS, pauseAfter } from "./backoff.js";
import { Refused, comesBack } from "./errors.js";
import { Line } from "./line.js";

const STEADY_MS = 5_000;
const EXPIRED = 4401;

/**
 * Whose lines they are.
 *
 * @typedef {object} Owner
 * @property {() => Promise<any>} room resolves when there is room for what a line brings
 * @property {(frame: any) => void} heard called for every frame from hello on
 * @property {() => void} broke called when a line is gone
 */

/** The lines of one client. */
export class Lines {
  /** How long at least to wait before the next line, in milliseconds. */
  comeBackAfter = 0;
  #access;
  #owner;
  /** @type {Line | null} */
  #line = null;
  #over = false;
  #cutShort = () => {};

  /**
   * @param {import("./access.js").Access} access
   * @param {Owner} owner
   */
  constructor(access, owner) {
    this.#access = access;
    this.#owner = owner;
  }

  /** Whether there is a line. */
  get open() {
    return this.#line?.open ?? false;
  }

  /** @param {string} frame */
  send(frame) {
    this.#line?.send(frame);
  }

  /** Hang up this line; the next one comes. */
  drop() {
    this.#line?.drop();
  }

  /** Hang up, and have no line any more. */
  stop() {
    this.#over = true;
    globalThis.removeEventListener?.("online", this.#hurry);
    this.drop();
    this.#cutShort();
  }

  /** Have lines until `stop`. Rejects with `Refused`. */
  async keep() {
    globalThis.addEventListener?.("online", this.#hurry);
    for (let failures = 0; !this.#over; failures += 1) {
      await this.#owner.room();
      const began = Date.now();
      const code = await this.#talk();
      if (this.#over) return;
      if (!comesBack(code)) throw new Refused(code ?? 0);
      if (code === EXPIRED) this.#access.expired();
      if (Date.now() - began > STEADY_MS) failures = 0;
      await this.#rest(this.comeBackAfter + pauseAfter(failures, LONGEST_MS));
    }
  }

  /** One line until it ends; its close code, null where it broke or none came about. */
  async #talk() {
    this.comeBackAfter = 0;
    try {
      const { url, token } = await this.#access.next();
      if (this.#over) return null;
      this.#line = new Line(url, token, this.#owner.heard);
    } catch (error) {
      if (error instanceof Refused) throw error;
      console.info("caas: no line", error);
      return null;
    }
    const code = await this.#line.ended;
    this.#line = null;
    this.#owner.broke();
    return code;
  }

  /** Wait, but not when the browser says that the network is back. @param {number} ms */
  #rest(ms) {
    return new Promise((resolve) => {
      this.#cutShort = () => resolve(undefined);
      setTimeout(this.#cutShort, ms);
    });
  }

  #hurry = () => {
    this.#cutShort();
    this.#line?.probe();
  };
}
