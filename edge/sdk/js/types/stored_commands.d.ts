/**
 * Commands that outlive the page: what waits for its answer lies in a storage too, in the order in which it was asked.
 *
 * Every change reads what lies there first, so two tabs may share a storage: each adds and takes away its own.
 */
/**
 * Anything that has these, such as `localStorage`.
 *
 * @typedef {object} Storage
 * @property {(key: string) => string | null} getItem
 * @property {(key: string, value: string) => void} setItem
 */
/** @typedef {{type: string, data: Record<string, any>, correlation_id: string}} KeptCommand */
/** The commands that are kept under one key. */
export class StoredCommands {
    /**
     * @param {Storage | null} storage null: nothing is kept
     * @param {string} key
     */
    constructor(storage: Storage | null, key: string);
    /**
     * What lies there, the oldest first.
     *
     * @returns {KeptCommand[]}
     */
    all(): KeptCommand[];
    /** @param {KeptCommand} command */
    add(command: KeptCommand): void;
    /** @param {string} correlationId */
    remove(correlationId: string): void;
    #private;
}
/**
 * Anything that has these, such as `localStorage`.
 */
export type Storage = {
    getItem: (key: string) => string | null;
    setItem: (key: string, value: string) => void;
};
export type KeptCommand = {
    type: string;
    data: Record<string, any>;
    correlation_id: string;
};
