/**
 * How long to wait for the next line, in milliseconds, after one that ended with this close code, null where it broke.
 *
 * @param {number | null} code
 * @param {number} failures
 * @param {number} [longest] the bound of the pause, but for whoever came or sent too much
 * @param {() => number} [random] a number from 0 up to, not including, 1
 * @returns {number}
 */
export function pauseAfterClose(code: number | null, failures: number, longest?: number, random?: () => number): number;
/**
 * How long to wait, in milliseconds, after so many failures in a row, counted from 0.
 *
 * @param {number} failures
 * @param {number} [longest] the bound that the pause never exceeds
 * @param {() => number} [random] a number from 0 up to, not including, 1
 * @returns {number}
 */
export function pauseAfter(failures: number, longest?: number, random?: () => number): number;
/** The bound of the pauses between lines. */
export const LONGEST_MS: 10000;
/** The close code of whoever came, or sent, too much in a short time. */
export const RATE_LIMITED: 4429;
