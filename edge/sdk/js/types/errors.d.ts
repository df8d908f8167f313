/**
 * Whether a client comes back after this close; null: the line broke.
 *
 * @param {number | null} code
 * @returns {boolean}
 */
export function comesBack(code: number | null): boolean;
/**
 * How a command and a line can fail.
 */
/** The code of a client that was stopped. */
export const CLOSED_BY_US: 1000;
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
    /**
     * @param {Problem} problem
     * @param {string} [correlationId]
     */
    constructor(problem: Problem, correlationId?: string);
    code: string;
    problem: Problem;
    correlationId: string | undefined;
}
/** There will be no line any more: `code` is the close code, 1000 where the client itself was stopped. */
export class Refused extends Error {
    /**
     * @param {number} code
     * @param {string} [why]
     */
    constructor(code: number, why?: string);
    code: number;
}
/**
 * What a node says of an error; the codes are in docs/protocol.md.
 */
export type Problem = {
    code: string;
    title?: string | undefined;
    detail?: string | undefined;
    retry?: boolean | undefined;
    retry_after_ms?: number | null | undefined;
    errors?: {
        pointer: string;
        code: string;
    }[] | null | undefined;
};
