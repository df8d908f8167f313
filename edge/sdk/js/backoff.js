/**
 * Pauses that grow with every failure, each drawn between nothing and its bound, so that many never come at once.
 */

const FIRST_MS = 100;
/** The bound of the pauses between lines. */
export const LONGEST_MS = 10_000;

/** After a line that was closed for too much it takes at least so long. */
const LATER_MS = 1_000;
/** The close code of whoever came, or sent, too much in a short time. */
export const RATE_LIMITED = 4429;

/**
 * How long to wait for the next line, in milliseconds, after one that ended with this close code, null where it broke.
 *
 * @param {number | null} code
 * @param {number} failures
 * @param {number} [longest] the bound of the pause, but for whoever came or sent too much
 * @param {() => number} [random] a number from 0 up to, not including, 1
 * @returns {number}
 */
export function pauseAfterClose(code, failures, longest = LONGEST_MS, random = Math.random) {
  if (code !== RATE_LIMITED) return pauseAfter(failures, longest, random);
  const pause = pauseAfter(failures, LONGEST_MS, random);
  return pause < LATER_MS ? LATER_MS * (1 + random()) : pause;
}

/**
 * How long to wait, in milliseconds, after so many failures in a row, counted from 0.
 *
 * @param {number} failures
 * @param {number} [longest] the bound that the pause never exceeds
 * @param {() => number} [random] a number from 0 up to, not including, 1
 * @returns {number}
 */
export function pauseAfter(failures, longest = LONGEST_MS, random = Math.random) {
  return random() * Math.min(longest, FIRST_MS * 2 ** Math.min(failures, 30));
}
