/** So many events wait before the line is closed. */
export const EVENTS_HELD: 10000;
/** Events in order until it is closed. */
export class EventQueue {
    /** @param {number} [limit] beyond so many events it is full; it takes more all the same */
    constructor(limit?: number);
    get full(): boolean;
    /** @param {object} event */
    put(event: object): void;
    /**
     * These positions without what waits here: where whoever takes the events stands.
     *
     * @param {import("./lanes.js").Vector} vector
     * @returns {import("./lanes.js").Vector}
     */
    before(vector: import("./lanes.js").Vector): import("./lanes.js").Vector;
    /**
     * Nothing more will come; whoever has taken all that is here gets `error`, or the end.
     *
     * @param {Error | null} error
     */
    close(error: Error | null): void;
    /** Wait until half of it is empty, or it is closed. */
    room(): Promise<void>;
    /**
     * Events as they come, until it is closed.
     *
     * @returns {AsyncGenerator<object, void, void>}
     */
    take(): AsyncGenerator<object, void, void>;
    #private;
}
