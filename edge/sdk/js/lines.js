/**
 * One line after another, until one is refused: it comes back by itself, with growing pauses. Where a node goes away the
 * next line is open before the old one is left.
 */

import { LONGEST_MS, RATE_LIMITED, pauseAfter, pauseAfterClose } from "./backoff.js";
import { Refused, comesBack } from "./errors.js";
import { Line } from "./line.js";

const STEADY_MS = 5_000;
const EXPIRED = 4401;
const DRAINING = 4101;
/** A node that went away as planned is expected back: so many pauses stay as short as this. */
const SOON_TRIES = 20;
const SOON_MS = 800;
/** How long at most a line is kept open after the next one, for answers that are still due on it. */
const LEAVE_MS = 5_000;
const LOOK_MS = 20;
/** How long at most an answer is waited for on one line; a node answers within some 5 s what it can answer at all. */
const ANSWER_MS = 30_000;

/**
 * Whose lines they are.
 *
 * @typedef {object} Owner
 * @property {() => Promise<any>} room resolves when there is room for what a line brings
 * @property {(frame: any, line: Line) => void} heard called for every frame from hello on
 * @property {(line: Line) => void} broke called when a line is gone and none has taken its place
 * @property {() => void} followed called when another line takes the place of this one, before its hello is heard
 * @property {(line: Line) => boolean} settled whether nothing is due any more on a line that was followed
 * @property {(line: Line) => void} left called when a line that was followed is gone
 * @property {(before: number) => boolean} late whether what was asked before a time has no answer
 */

/** The lines of one client. */
export class Lines {
  #access;
  #owner;
  /** When the next line may be opened. */
  #notBefore = 0;
  /** @type {Set<Line>} those that were followed, and those that are to follow */
  #others = new Set();
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

  /** Whether this is the line that commands go out on. @param {Line} line */
  isCurrent(line) {
    return line === this.#line;
  }

  /** Hang up this line; the next one comes. */
  drop() {
    this.#line?.drop();
    for (const line of this.#others) line.drop();
  }

  /** The line is about to be closed: open another beside it, after so many milliseconds. @param {number} after */
  async goesAway(after) {
    const line = this.#line;
    this.#notBefore = Date.now() + after;
    await sleep(after);
    for (let failures = 0; line !== null && this.isCurrent(line) && !this.#over; failures += 1) {
      if (!(await this.#follow())) return;
      if (this.isCurrent(line)) await sleep(pauseAfter(failures, LONGEST_MS));
    }
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
    for (let failures = 0, soon = 0; !this.#over; failures += 1, soon -= 1) {
      await this.#owner.room();
      const began = Date.now();
      const code = await this.#talk();
      if (this.#over) return;
      if (!comesBack(code)) throw new Refused(code ?? 0);
      if (code === EXPIRED) this.#access.expired();
      if (Date.now() - began > STEADY_MS && code !== RATE_LIMITED) failures = 0; // whoever floods goes on with its pauses
      if (code === DRAINING) soon = SOON_TRIES;
      const pause = pauseAfterClose(code, failures, soon > 0 ? SOON_MS : LONGEST_MS);
      await this.#rest(Math.max(0, this.#notBefore - Date.now()) + pause);
    }
  }

  /** One line, and those that take its place, until one ends; its close code, null where it broke or none came about. */
  async #talk() {
    this.#notBefore = 0;
    this.#line = await this.#dial();
    const watch = setInterval(() => this.#watch(), ANSWER_MS / 8);
    try {
      return await this.#ended();
    } finally {
      clearInterval(watch);
    }
  }

  /** A line that owes an answer for too long is given up: what was asked on it is asked again on the next one. */
  #watch() {
    if (this.open && this.#owner.late(Date.now() - ANSWER_MS)) this.#line?.drop();
  }

  /** The close code of the last line, null where it broke or none came about. */
  async #ended() {
    for (let line = this.#line; line !== null; line = this.#line) {
      const code = await line.ended;
      if (!this.isCurrent(line)) continue;
      this.#line = null;
      this.#owner.broke(line);
      return code;
    }
    return null;
  }

  /** A line that is opening, null where there is no token now. Rejects with `Refused`. @returns {Promise<Line | null>} */
  async #dial() {
    try {
      const { url, token } = await this.#access.next();
      if (this.#over) return null;
      /** @type {Line} */
      const line = new Line(url, token, (frame) => this.#heard(frame, line), () => this.#access.token());
      return line;
    } catch (error) {
      if (error instanceof Refused) throw error;
      console.info("caas: no line", error);
      return null;
    }
  }

  /** Try to open a line beside the one at hand; false where that is of no use. */
  async #follow() {
    try {
      const next = await this.#dial();
      if (next === null) return true;
      this.#others.add(next);
      let ended = /** @type {number | null | undefined} */ (undefined);
      const gone = next.ended.then((code) => (ended = code));
      while (ended === undefined && !next.open) await Promise.race([gone, sleep(LOOK_MS)]);
      this.#others.delete(next);
      return ended === undefined || comesBack(ended);
    } catch {
      return false; // the line at hand says so when it is gone
    }
  }

  /** @param {any} frame @param {Line} line */
  #heard(frame, line) {
    if (frame.type === "hello" && !this.isCurrent(line)) {
      const old = this.#line;
      if (old === null) return line.drop();
      this.#line = line;
      this.#notBefore = 0;
      this.#owner.followed();
      this.#leave(old);
    }
    this.#owner.heard(frame, line);
  }

  /** Take what still comes on a line that was followed until nothing is due there, or it is gone. @param {Line} line */
  async #leave(line) {
    this.#others.add(line);
    let gone = false;
    line.ended.then(() => (gone = true));
    for (const until = Date.now() + LEAVE_MS; !gone && Date.now() < until; ) {
      await sleep(LOOK_MS);
      if (this.#owner.settled(line)) break;
    }
    line.drop();
    this.#others.delete(line);
    this.#owner.left(line);
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

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
