/**
 * Pauses that grow with every failure, each drawn between nothing and its bound, so that many never come at once.
 */

const FIRST_MS = 100;
/** The bound of the pauses between lines. */
export const LONGEST_MS = 10_000;

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
