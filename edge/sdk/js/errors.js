/**
 * How a command and a line can fail.
 */

/** The code of a client that was stopped. */
export const CLOSED_BY_US = 1000;

/** 1005 and 1006 are what a browser says of a line that broke. */
const COMES_BACK = new Set([1001, 1005, 1006, 1011, 1012, 1013]);

/**
 * What a node says of an error; the codes are in docs/protocol.md.
 *
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} [title]
 * @property {string} [detail]
 * @property {boolean} [retry]
 * @property {number | null} [retry_after_ms]
 * @property {{pointer: string, code: string}[] | null} [errors]
 */

/** A node said no: `code` is one of the table of error codes, `problem` all that it said; the text names wrong fields. */
export class CommandError extends Error {
  name = "CommandError";

  /**
   * @param {Problem} problem
   * @param {string} [correlationId]
   */
  constructor(problem, correlationId) {
    const where = (problem.errors ?? []).map(({ pointer }) => pointer).join(", ");
    super(`${problem.code}: ${problem.detail ?? ""}${where && ` (${where})`}`);
    this.code = problem.code;
    this.problem = problem;
    this.correlationId = correlationId;
  }
}

/** There will be no line any more: `code` is the close code, 1000 where the client itself was stopped. */
export class Refused extends Error {
  name = "Refused";

  /**
   * @param {number} code
   * @param {string} [why]
   */
  constructor(code, why = "") {
    super(`refused with ${code}${why && `: ${why}`}`);
    this.code = code;
  }
}

/**
 * Whether a client comes back after this close; null: the line broke.
 *
 * @param {number | null} code
 * @returns {boolean}
 */
export function comesBack(code) {
  return code === null || (code >= 4000 && code < 4500) || COMES_BACK.has(code);
}
