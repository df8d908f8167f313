/** @typedef {import("./lanes.js").Push} Push */
/** @typedef {{type: "reset", data?: any, error?: import("./errors.js").Problem}} Reset */
/** Asks syncs, part after part, and hands out what they release; belongs to one client. */
export class GapRecovery {
    /**
     * @param {import("./lanes.js").Lanes} lanes
     * @param {(frame: string) => boolean} send false: no node would take a frame of this size
     * @param {(events: (Push | Reset)[]) => void} handOut
     * @param {boolean} beginning whether it must be asked where the lanes begin
     * @param {() => void} begun called on every line, once that is known
     */
    constructor(lanes: import("./lanes.js").Lanes, send: (frame: string) => boolean, handOut: (events: (Push | Reset)[]) => void, beginning?: boolean, begun?: () => void);
    /** Whether all that was missed before this line has been handed out. */
    get settled(): boolean;
    /** Whether a sync was asked before this time, and has no answer. @param {number} before milliseconds */
    late(before: number): boolean;
    /** A new line: ask what the old one missed, or where to begin. */
    cameBack(): void;
    /** The line is gone, and an answer with it. */
    broke(): void;
    /** @param {Push} push */
    take(push: Push): void;
    /**
     * Whether this frame answers our sync; what it releases is handed out.
     *
     * @param {any} frame
     * @returns {boolean}
     */
    answered(frame: any): boolean;
    #private;
}
export type Push = import("./lanes.js").Push;
export type Reset = {
    type: "reset";
    data?: any;
    error?: import("./errors.js").Problem;
};
