/**
 * A push that has a place in a lane.
 *
 * @typedef {object} Push
 * @property {string} type
 * @property {any} data
 * @property {string} lane
 * @property {number} n
 * @property {string} [correlationId]
 * @property {boolean} healed whether a sync brought it
 */
/**
 * One lane: `at` is the last number handed out or passed over, NaN while it is not known; `held` is sorted by n.
 *
 * @typedef {{at: number, goal: number, held: {push: Push, came: number}[]}} Lane
 */
/** @typedef {Record<string, Record<string, number>>} Vector conversation → lane → n; and `user` → `user` → n */
/**
 * Under which name of a vector a push with a lane stands.
 *
 * @param {{lane?: string, data?: any}} push
 * @returns {string}
 */
export function placeOf({ lane, data }: {
    lane?: string;
    data?: any;
}): string;
/**
 * Where a client stands in every lane: what comes is handed out in the order of n, each once.
 *
 * At a hole in a lane all that comes later in its conversation is held, until the hole is filled or a sync has said
 * that nothing of ours is in it. The user's own lane stands beside the conversations, under a name that none has.
 */
/** The user's own lane, and where it stands in a vector. */
export const USER: "user";
/** The lanes of this version and the push of each; others are ignored. */
export const PUSH_OF_LANE: Readonly<{
    sent: "message:new";
    edited: "message:edited";
    deleted: "message:deleted";
    reaction: "reaction:changed";
    conversation: "conversation:updated";
    user: "inbox:changed";
}>;
/** The lanes of one user. */
export class Lanes {
    /** @param {Vector} [positions] where an earlier client stood */
    constructor(positions?: Vector);
    /** From hello. */
    userId: string;
    /** How many pushes had come before. */
    dropped: number;
    /** Whether something is held. */
    get holes(): boolean;
    /**
     * Whether something is held of what is covered.
     *
     * @param {(id: string) => boolean} covered
     * @returns {boolean}
     */
    holds(covered: (id: string) => boolean): boolean;
    /**
     * What a sync asks with: what is held lies beyond it. A lane at 0 is left out, which says the same.
     *
     * @returns {Vector}
     */
    vector(): Vector;
    /**
     * What can be handed out now that this push has come.
     *
     * @param {Push} push
     * @returns {Push[]}
     */
    take(push: Push): Push[];
    /**
     * A sync is under way.
     *
     * @param {boolean} catchingUp after a line was lost; else because of holes
     */
    asked(catchingUp: boolean): void;
    /** The sync under way came to nothing. */
    unanswered(): void;
    /**
     * What can be handed out after a sync of what is covered that brought everything up to `vector`. A conversation that a complete
     * one no longer speaks of (its user has left) has nothing more to wait for.
     *
     * @param {Vector} vector
     * @param {boolean} complete
     * @param {(id: string) => boolean} [covered]
     * @returns {Push[]}
     */
    synced(vector: Vector, complete: boolean, covered?: (id: string) => boolean): Push[];
    /**
     * The node could not send all that was missed: what is held is handed out, and its lanes go on from there.
     *
     * @returns {Push[]}
     */
    forget(): Push[];
    /**
     * These positions say more than there is: nothing is known of these any more.
     *
     * @param {string[]} ids
     */
    reset(ids: string[]): void;
    #private;
}
/**
 * A push that has a place in a lane.
 */
export type Push = {
    type: string;
    data: any;
    lane: string;
    n: number;
    correlationId?: string | undefined;
    /**
     * whether a sync brought it
     */
    healed: boolean;
};
/**
 * One lane: `at` is the last number handed out or passed over, NaN while it is not known; `held` is sorted by n.
 */
export type Lane = {
    at: number;
    goal: number;
    held: {
        push: Push;
        came: number;
    }[];
};
/**
 * conversation → lane → n; and `user` → `user` → n
 */
export type Vector = Record<string, Record<string, number>>;
