/** What a node accepted last of each kind. */
export class ReconnectState {
    /**
     * @param {(frame: string) => boolean} write
     * @param {(event: import("./caas.js").Event) => void} emit
     */
    constructor(write: (frame: string) => boolean, emit: (event: import("./caas.js").Event) => void);
    /**
     * This was asked; once it is accepted, it is what holds.
     *
     * @param {string} type
     * @param {Record<string, any>} data
     * @param {Promise<any>} answer
     */
    remember(type: string, data: Record<string, any>, answer: Promise<any>): void;
    /** A new line: a session that has said nothing yet. */
    cameBack(): void;
    /** The line is gone, and answers with it. */
    broke(): void;
    /**
     * Whether this frame answers what was asked here; how those are whom one listens to, and how far others have read,
     * is reported.
     *
     * @param {any} frame
     * @returns {boolean}
     */
    answered({ id, data, error }: any): boolean;
    #private;
}
