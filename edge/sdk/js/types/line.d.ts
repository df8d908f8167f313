/** A WebSocket from its first frame to its close. */
export class Line {
    /**
     * @param {string} url
     * @param {string} token
     * @param {(frame: any) => void} heard called for every frame from hello on, but the answers to `auth`
     * @param {() => Promise<string>} renew another token, in time before this one expires
     */
    constructor(url: string, token: string, heard: (frame: any) => void, renew: () => Promise<string>);
    /** Whether hello has come and the line has not ended. */
    open: boolean;
    /** The close code, null where the line broke or none came about. @type {Promise<number | null>} */
    ended: Promise<number | null>;
    /** @param {string} frame */
    send(frame: string): void;
    /** Ask whether anybody is there; a line that then says nothing is dropped. */
    probe(): void;
    /** Hang up without waiting for the node's word. */
    drop(): void;
    #private;
}
