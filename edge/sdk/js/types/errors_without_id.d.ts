/**
 * Errors without an id: which command one of them was about is found out by the others, which are answered.
 */
/** @typedef {import("./errors.js").Problem} Problem */
/** The errors of one line whose commands are not known yet, and the commands that they may be about. */
export class ErrorsWithoutId {
    /**
     * An error without an id has come while these were on the line; false where there was none.
     *
     * @param {Problem} problem
     * @param {number[]} onLine
     * @returns {boolean}
     */
    came(problem: Problem, onLine: number[]): boolean;
    /** This command has an answer of its own. @param {number} id */
    answered(id: number): void;
    /**
     * The commands that have no other answer than these errors, once they are as few; each is returned once.
     *
     * @returns {[number, Problem][]}
     */
    found(): [number, Problem][];
    /** The line is gone. */
    forget(): void;
    #private;
}
export type Problem = import("./errors.js").Problem;
