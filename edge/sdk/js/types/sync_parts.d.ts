/** Of so many conversations at most a sync names the positions. */
export const MAX_CONVERSATIONS: 300;
/** The conversations with ids after `after` up to `upto`, null: without a bound; `user`: and the user's own lane. */
export class Part {
    /**
     * @param {string | null} [after]
     * @param {string | null} [upto]
     * @param {boolean} [user]
     */
    constructor(after?: string | null, upto?: string | null, user?: boolean);
    after: string | null;
    upto: string | null;
    user: boolean;
    /**
     * Whether this conversation, or the user's own lane, is of this part.
     *
     * @param {string} id
     * @returns {boolean}
     */
    covers(id: string): boolean;
    /**
     * The part of the first so many of these conversations, and what is left then, null: nothing.
     *
     * @param {string[]} ids of this part, sorted
     * @param {number} most
     * @returns {[Part, Part | null]}
     */
    cut(ids: string[], most: number): [Part, Part | null];
    /**
     * What a sync of it asks.
     *
     * @param {import("./lanes.js").Vector} vector
     * @returns {Record<string, any>}
     */
    asks(vector: import("./lanes.js").Vector): Record<string, any>;
}
