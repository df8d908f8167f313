/**
 * A hole in a lane, or a line that came back, is healed by a sync: one at a time, and not before a late push had time.
 *
 * A client that brings no positions begins with a sync that returns only the positions of all its lanes.
 */

import { pauseAfter } from "./backoff.js";
import { USER } from "./lanes.js";
import { MAX_CONVERSATIONS, Part } from "./sync_parts.js";

const GRACE_MS = 200;
const LONGEST_MS = 5_000;

/** @typedef {import("./lanes.js").Push} Push */
/** @typedef {{type: "reset", data?: any, error?: import("./errors.js").Problem}} Reset */

/** Asks syncs, part after part, and hands out what they release; belongs to one client. */
export class GapRecovery {
  #lanes;
  #send;
  #handOut;
  #begun;
  #beginning;
  /** @type {string | null} the id of the sync under way */
  #asked = null;
  #askedAt = 0;
  #part = new Part();
  /** @type {Part | null} what is still to be asked of this round */
  #left = null;
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

  /** Whether all that was missed before this line has been handed out. */
  get settled() {
    return !this.#catchingUp && !this.#beginning;
  }

  /** Whether a sync was asked before this time, and has no answer. @param {number} before milliseconds */
  late(before) {
    return this.#asked !== null && this.#askedAt < before;
  }

  /** A new line: ask what the old one missed, or where to begin. */
  cameBack() {
    this.#catchingUp = !this.#beginning;
    if (!this.#beginning) this.#begun();
    this.#ask(new Part());
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

  #synced({ complete, positions, user, reset = [] }) {
    const before = this.#lanes.vector();
    const wrong = reset.filter((/** @type {string} */ id) => id in before);
    const vector = { ...positions, ...(this.#part.user && Number.isInteger(user) && { [USER]: { [USER]: user } }) };
    for (const id of wrong) delete vector[id];
    this.#handOut(this.#lanes.synced(vector, complete && wrong.length === 0, (id) => this.#part.covers(id)));
    if (wrong.length > 0) return this.#forgotten(wrong);
    if (complete) return this.#left === null ? this.#done() : this.#ask(this.#left);
    if (JSON.stringify(this.#lanes.vector()) === JSON.stringify(before)) {
      return this.#startOver({ type: "reset", data: { complete, positions } });
    }
    const last = this.#beginning && Object.keys(positions).sort().at(-1);
    if (last) this.#askFrom(last, false);
    else this.#askFrom(this.#part.after, this.#part.user);
  }

  /** The round is over; what is held still, or came meanwhile, is asked for in another. */
  #done() {
    this.#catchingUp = false;
    this.#begin();
    this.#failures = this.#lanes.holes ? this.#failures + 1 : 0;
    if (this.#lanes.holes) this.#later();
  }

  /** These positions say more than there is, as after a restore: they are asked anew. @param {string[]} ids */
  #forgotten(ids) {
    this.#lanes.reset(ids);
    this.#catchingUp = true;
    this.#handOut([{ type: "reset", data: { reset: ids } }]);
    this.#askFrom(this.#part.after, this.#part.user);
  }

  /** @param {import("./errors.js").Problem} error */
  #failed(error) {
    this.#lanes.unanswered();
    if (!error.retry) return this.#startOver({ type: "reset", error });
    this.#failures += 1;
    this.#later(error.retry_after_ms ?? 0);
  }

  /** The node asked to start over: the application loads again what it shows. @param {Reset} reset */
  #startOver(reset) {
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
      if (this.#lanes.holes || this.#catchingUp || this.#beginning) this.#ask(new Part());
    }, pause);
  }

  /**
   * The same part, or what of it is beyond this id, from where it stands now; and then what is left.
   *
   * @param {string | null} after
   * @param {boolean} user
   */
  #askFrom(after, user) {
    this.#ask(new Part(after, (this.#left ?? this.#part).upto, user));
  }

  /** Ask the next part of what is left; where only holes are to be healed, the next that has one. @param {Part} left */
  #ask(left) {
    this.#cancel();
    const vector = this.#lanes.vector();
    for (let rest = /** @type {Part | null} */ (left), most = MAX_CONVERSATIONS; rest !== null; ) {
      const ids = Object.keys(vector).filter((id) => id !== USER && /** @type {Part} */ (rest).covers(id)).sort();
      const [part, after] = rest.cut(ids, most);
      if (!this.#catchingUp && !this.#beginning && !this.#lanes.holds((id) => part.covers(id))) rest = after;
      else if (this.#askPart(part, vector)) return void (this.#left = after);
      else if (most === 1) return this.#startOver(tooLarge(ids.length));
      else most = Math.ceil(Math.min(most, ids.length) / 2) || 1;
    }
    this.#done();
  }

  /** False where no node would take its frame. @param {Part} part @param {import("./lanes.js").Vector} vector */
  #askPart(part, vector) {
    const id = `sync-${this.#syncs + 1}`;
    const data = { ...part.asks(vector), ...(this.#beginning && { tell: false }) };
    if (!this.#send(JSON.stringify({ id, type: "sync", data }))) return false;
    this.#syncs += 1;
    this.#asked = id;
    this.#askedAt = Date.now();
    this.#part = part;
    this.#lanes.asked(this.#catchingUp);
    return true;
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}

/** @param {number} count @returns {Reset} */
function tooLarge(count) {
  return { type: "reset", error: { code: "too_large", detail: `positions of ${count} conversations` } };
}
