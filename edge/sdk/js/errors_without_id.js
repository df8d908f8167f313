/**
 * Errors without an id: which command one of them was about is found out by the others, which are answered.
 */

/** @typedef {import("./errors.js").Problem} Problem */

/** The errors of one line whose commands are not known yet, and the commands that they may be about. */
export class ErrorsWithoutId {
  /** @type {Problem[]} */
  #problems = [];
  /** @type {Set<number>} */
  #suspects = new Set();

  /**
   * An error without an id has come while these were on the line; false where there was none.
   *
   * @param {Problem} problem
   * @param {number[]} onLine
   * @returns {boolean}
   */
  came(problem, onLine) {
    if (onLine.length === 0) return false;
    for (const id of onLine) this.#suspects.add(id);
    this.#problems.push(problem);
    return true;
  }

  /** This command has an answer of its own. @param {number} id */
  answered(id) {
    this.#suspects.delete(id);
  }

  /**
   * The commands that have no other answer than these errors, once they are as few; each is returned once.
   *
   * @returns {[number, Problem][]}
   */
  found() {
    if (this.#suspects.size > this.#problems.length) return [];
    const ids = [...this.#suspects].sort((one, other) => one - other);
    const found = ids.map((id, place) => /** @type {[number, Problem]} */ ([id, this.#problems[place]]));
    this.forget();
    return found;
  }

  /** The line is gone. */
  forget() {
    this.#problems = [];
    this.#suspects.clear();
  }
}
