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
    /**
     * @param {import("./access.js").Access} access
     * @param {Owner} owner
     */
    constructor(access: import("./access.js").Access, owner: Owner);
    /** Whether there is a line. */
    get open(): boolean;
    /** @param {string} frame */
    send(frame: string): void;
    /** Whether this is the line that commands go out on. @param {Line} line */
    isCurrent(line: Line): boolean;
    /** Hang up this line; the next one comes. */
    drop(): void;
    /** The line is about to be closed: open another beside it, after so many milliseconds. @param {number} after */
    goesAway(after: number): Promise<void>;
    /** Hang up, and have no line any more. */
    stop(): void;
    /** Have lines until `stop`. Rejects with `Refused`. */
    keep(): Promise<void>;
    #private;
}
/**
 * Whose lines they are.
 */
export type Owner = {
    /**
     * resolves when there is room for what a line brings
     */
    room: () => Promise<any>;
    /**
     * called for every frame from hello on
     */
    heard: (frame: any, line: Line) => void;
    /**
     * called when a line is gone and none has taken its place
     */
    broke: (line: Line) => void;
    /**
     * called when another line takes the place of this one, before its hello is heard
     */
    followed: () => void;
    /**
     * whether nothing is due any more on a line that was followed
     */
    settled: (line: Line) => boolean;
    /**
     * called when a line that was followed is gone
     */
    left: (line: Line) => void;
    /**
     * whether what was asked before a time has no answer
     */
    late: (before: number) => boolean;
};
import { Line } from "./line.js";
