/**
 * A hole in a lane, or a line that came back, is healed by a sync: one at a time, and not before a late push had time.
 *
 * A client that brings no positions begins with a sync that tells nothing but where all its lanes stand.
 */

import { pauseAfter } from "./backoff.js";

const GRACE_MS = 200;
const LONGEST_MS = 5_000;

/** @typedef {import("./lanes.js").Push} Push */
/** @typedef {{type: "reset", data?: any, error?: import("./errors.js").Problem}} Reset */

/** Asks syncs, and hands out what they release; belongs to one client. */
export class Healing {
  #lanes;
  #send;
  #handOut;
  #begun;
  #beginning;
  /** @type {string | null} the id of the sync under way */
  #asked = null;
  #syncs = 0;
  #catchingUp = false;
  #failures = 0;
  #timer = 0;

  /**
   * @param {import("./lanes.js").Lanes} lanes
   * @param {(frame: string) => boolean} send false: no node would take a frame of this size
   * @param {(events: (Push | Reset)[]) => void} handOut
   * @param {boolean} beginning whether it must be asked where the lanes begin
   * @param {() => void} begun called on every line, once that is known
   */
  constructor(lanes, send, handOut, beginning = false, begun = () => {}) {
    this.#lanes = lanes;
    this.#send = send;
    this.#handOut = handOut;
    this.#beginning = beginning;
    this.#begun = begun;
  }

  /** A new line: ask what the old one missed, or where to begin. */
  cameBack() {
    this.#catchingUp = !this.#beginning;
    if (!this.#beginning) this.#begun();
    this.#ask();
  }

  /** The line is gone, and an answer with it. */
  broke() {
    this.#asked = null;
    this.#lanes.unanswered();
    this.#cancel();
  }

  /** @param {Push} push */
  take(push) {
    this.#handOut(this.#lanes.take(push));
    if (this.#lanes.holes) this.#later();
  }

  /**
   * Whether this frame answers our sync; what it releases is handed out.
   *
   * @param {any} frame
   * @returns {boolean}
   */
  answered(frame) {
    if (this.#asked === null || frame.id !== this.#asked) return false;
    this.#asked = null;
    if (frame.error) this.#failed(frame.error);
    else this.#synced(frame.data);
    return true;
  }

  #synced({ complete, positions }) {
    const before = JSON.stringify(this.#lanes.vector());
    this.#handOut(this.#lanes.synced(positions, complete));
    this.#begin();
    if (!complete) {
      if (JSON.stringify(this.#lanes.vector()) !== before) return this.#ask();
      return this.#reset({ type: "reset", data: { complete, positions } });
    }
    this.#catchingUp = false;
    this.#failures = this.#lanes.holes ? this.#failures + 1 : 0;
    if (this.#lanes.holes) this.#later();
  }

  /** @param {import("./errors.js").Problem} error */
  #failed(error) {
    this.#lanes.unanswered();
    if (!error.retry) return this.#reset({ type: "reset", error });
    this.#failures += 1;
    this.#later(error.retry_after_ms ?? 0);
  }

  /** Told plainly to start over: the application reads again what it shows. @param {Reset} reset */
  #reset(reset) {
    this.#catchingUp = false;
    this.#handOut([reset, ...this.#lanes.forget()]);
    this.#begin();
  }

  #begin() {
    if (!this.#beginning) return;
    this.#beginning = false;
    this.#begun();
  }

  #later(atLeast = GRACE_MS) {
    if (this.#timer || this.#asked !== null) return;
    const pause = Math.max(atLeast, GRACE_MS, this.#failures && pauseAfter(this.#failures + 1, LONGEST_MS));
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#lanes.holes || this.#catchingUp || this.#beginning) this.#ask();
    }, pause);
  }

  #ask() {
    this.#cancel();
    this.#asked = `sync-${(this.#syncs += 1)}`;
    this.#lanes.asked(this.#catchingUp);
    const data = { positions: this.#lanes.vector(), ...(this.#beginning && { tell: false }) };
    const frame = JSON.stringify({ id: this.#asked, type: "sync", data });
    if (this.#send(frame)) return;
    this.#asked = null;
    this.#reset({ type: "reset", error: { code: "too_large", detail: `${frame.length} bytes of positions` } });
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}
