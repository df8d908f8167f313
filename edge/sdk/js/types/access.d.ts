/**
 * What the application's server got from the gateway; it may pass on the whole answer.
 *
 * @typedef {object} Granted
 * @property {string} token
 * @property {string[]} socket_urls
 * @property {number} [expires_in] seconds; without it a token is used until a node refuses it
 */
/** Where to go and with what, as the application's server says. */
export class Access {
    /** @param {() => Promise<Granted>} tokens */
    constructor(tokens: () => Promise<Granted>);
    /**
     * Where to go next and with what. Rejects as `tokens` does.
     *
     * @returns {Promise<{url: string, token: string}>}
     */
    next(): Promise<{
        url: string;
        token: string;
    }>;
    /** A token for the line at hand: another one where the last has lived most of its time. Rejects as `tokens` does. */
    token(): Promise<string>;
    /** The last address answered. */
    worked(): void;
    /** The token is good no more. */
    expired(): void;
    #private;
}
/**
 * What the application's server got from the gateway; it may pass on the whole answer.
 */
export type Granted = {
    token: string;
    socket_urls: string[];
    /**
     * seconds; without it a token is used until a node refuses it
     */
    expires_in?: number | undefined;
};
