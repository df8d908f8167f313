/**
 * A sync is asked in parts, so that the positions of each fit into a frame: ranges of conversations by their ids.
 *
 * The parts of a round leave no id out, so it also brings conversations that the client did not know.
 */

import { USER } from "./lanes.js";

/** Of so many conversations at most a sync names the positions. */
export const MAX_CONVERSATIONS = 300;

/** The conversations with ids after `after` up to `upto`, null: without a bound; `user`: and the user's own lane. */
export class Part {
  /**
   * @param {string | null} [after]
   * @param {string | null} [upto]
   * @param {boolean} [user]
   */
  constructor(after = null, upto = null, user = true) {
    this.after = after;
    this.upto = upto;
    this.user = user;
  }

  /**
   * Whether this conversation, or the user's own lane, is of this part.
   *
   * @param {string} id
   * @returns {boolean}
   */
  covers(id) {
    if (id === USER) return this.user;
    return (this.after === null || id > this.after) && (this.upto === null || id <= this.upto);
  }

  /**
   * The part of the first so many of these conversations, and what is left then, null: nothing.
   *
   * @param {string[]} ids of this part, sorted
   * @param {number} most
   * @returns {[Part, Part | null]}
   */
  cut(ids, most) {
    if (ids.length <= most) return [this, null];
    const last = ids[most - 1];
    return [new Part(this.after, last, this.user), new Part(last, this.upto, false)];
  }

  /**
   * What a sync of it asks.
   *
   * @param {import("./lanes.js").Vector} vector
   * @returns {Record<string, any>}
   */
  asks(vector) {
    const covered = Object.entries(vector).filter(([id]) => id !== USER && this.covers(id));
    return {
      positions: Object.fromEntries(covered),
      ...(this.user && { user: vector[USER]?.[USER] ?? 0 }),
      ...(this.after !== null && { after: this.after }),
      ...(this.upto !== null && { upto: this.upto }),
    };
  }
}
