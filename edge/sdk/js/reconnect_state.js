/**
 * What holds for one session alone, a presence and whose one listens to, is asked again on each line that follows; so
 * are the cursors of the conversation that was asked about last, since what moved meanwhile is pushed to nobody.
 *
 * It goes out before any other command, so one that was on its way already has the last word.
 */

import { pauseAfter } from "./backoff.js";

const KINDS = new Set(["presence:set", "presence:subscribe", "conversation:get"]);
const LONGEST_MS = 5_000;
const PRESENCE = "presence";
const CURSORS = "cursors:moved";

/** What a node accepted last of each kind. */
export class ReconnectState {
  #write;
  #emit;
  /** @type {Map<string, Record<string, any>>} by type */
  #said = new Map();
  /** @type {Map<string, string>} by frame id, which type */
  #asked = new Map();
  /** @type {Set<any>} */
  #timers = new Set();
  #failures = 0;
  #asks = 0;

  /**
   * @param {(frame: string) => boolean} write
   * @param {(event: import("./caas.js").Event) => void} emit
   */
  constructor(write, emit) {
    this.#write = write;
    this.#emit = emit;
  }

  /**
   * This was asked; once it is accepted, it is what holds.
   *
   * @param {string} type
   * @param {Record<string, any>} data
   * @param {Promise<any>} answer
   */
  remember(type, data, answer) {
    if (KINDS.has(type)) answer.then(() => this.#said.set(type, data), () => {});
  }

  /** A new line: a session that has said nothing yet. */
  cameBack() {
    this.#failures = 0;
    for (const type of this.#said.keys()) this.#ask(type);
  }

  /** The line is gone, and answers with it. */
  broke() {
    this.#asked.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /**
   * Whether this frame answers what was asked here; how those are whom one listens to, and how far others have read,
   * is reported.
   *
   * @param {any} frame
   * @returns {boolean}
   */
  answered({ id, data, error }) {
    const type = this.#asked.get(id);
    if (type === undefined) return false;
    this.#asked.delete(id);
    if (error?.retry) this.#later(type, error.retry_after_ms ?? 0);
    else if (error) this.#said.delete(type);
    else this.#say(data);
    return true;
  }

  /** What an answer says is so now. @param {any} data */
  #say({ conversation_id, participants, presences }) {
    for (const one of presences ?? []) this.#emit({ type: PRESENCE, data: one });
    const cursors = (participants ?? [])
      .filter(({ read_seq }) => typeof read_seq === "number")
      .map(({ user_id, read_seq, delivered_seq }) => ({ user_id, read_seq, delivered_seq }));
    if (cursors.length > 0) this.#emit({ type: CURSORS, data: { conversation_id, cursors } });
  }

  /** @param {string} type @param {number} atLeast milliseconds */
  #later(type, atLeast) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#ask(type);
    }, Math.max(atLeast, pauseAfter((this.#failures += 1), LONGEST_MS)));
    this.#timers.add(timer);
  }

  /** @param {string} type */
  #ask(type) {
    const id = `session-${(this.#asks += 1)}`;
    this.#asked.set(id, type);
    this.#write(JSON.stringify({ id, type, data: this.#said.get(type) }));
  }
}
