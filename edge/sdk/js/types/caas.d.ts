/**
 * What happens, as `events()` yields it.
 *
 * A push of docs/protocol.md: `type`, `data`, `correlationId`, and where it has a place in a lane `lane`, `n` and
 * `healed` (whether a sync brought it); of type `error` with `error`. And what the client itself has to say:
 * - `pending`, `sent`, `failed`: of a message of this client, with `clientMsgId`, `conversationId`, `data` (what was
 *   asked); `sent` with `answer` (what the node said), `failed` with `error` (a `CommandError`).
 * - `online`, `offline`: the line.
 * - `reset`: not all that was missed can be sent: load what you show again; `error` or `data` say why. Where `data.reset`
 *   names conversations, it is these alone, and they are sent again from their beginning.
 *
 * @typedef {object} Event
 * @property {string} type
 * @property {any} [data]
 * @property {string} [lane]
 * @property {number} [n]
 * @property {boolean} [healed]
 * @property {string} [correlationId]
 * @property {string} [clientMsgId]
 * @property {string} [conversationId]
 * @property {any} [answer]
 * @property {any} [error]
 */
/**
 * @typedef {object} Options
 * @property {() => Promise<import("./access.js").Granted>} tokens a token and socket URLs from your server; called for
 *   the first line, and when the token has expired or no address answers. It may throw `Refused` to end the client;
 *   whatever else it throws is tried again.
 * @property {import("./stored_commands.js").Storage | null} [storage] keeps messages without an answer over a reload of the page
 * @property {string} [user] whose messages are kept there; needed where several users share a browser. Whom the token
 *   names must be the same.
 * @property {import("./lanes.js").Vector | null} [positions] what `positions()` said on an earlier page: the events
 *   since then come first. `{}` is the beginning of all conversations; without them events begin when `start()`
 *   resolves
 * @property {number} [patience] for how long a command is repeated that a node cannot carry out, in milliseconds
 * @property {boolean} [hears] false: this page takes no events
 * @property {() => string | null | undefined} [traceparent] the W3C trace context of what is asked now: the nodes
 *   continue that trace
 * @property {string} [device] a name of this device: others' messages are said to be delivered there as they come
 */
/** One user's line to the nodes. */
export class Client {
    /** @param {Options} options */
    constructor({ tokens, storage, user, positions, patience, hears, device, traceparent }: Options);
    /** Whether the line is open. */
    get connected(): boolean;
    /** Who this is, as the node said first; empty until then. */
    get userId(): string;
    /** How many commands wait for their answer. */
    get unanswered(): number;
    /**
     * Where the application stands by the events that it took: conversation → lane → n, and `user` for the user's own
     * lane. Keep it for a later client.
     *
     * @returns {import("./lanes.js").Vector}
     */
    positions(): import("./lanes.js").Vector;
    /**
     * Open the line and keep it until `stop`. Nobody needs to wait for it: what is asked meanwhile goes out when there is
     * a line.
     *
     * @returns {Promise<any>} the first hello's data, once there is a line and it is known where it begins, however long
     *   that takes. Rejects with `Refused`.
     */
    start(): Promise<any>;
    /** Hang up; promises without an answer reject with `Refused` 1000, `events()` ends. What is kept stays kept. */
    stop(): void;
    /**
     * Send a message. It is reported at once as `pending`, goes out when there is a line, and once, however often it must be
     * repeated; then it is `sent` or `failed`.
     *
     * @param {string} conversationId
     * @param {string | null} text
     * @param {{replyTo?: string, clientMsgId?: string} & Record<string, any>} [more] further fields of `message:send`,
     *   such as `attachments`, `mentions` and `wait_for`; `clientMsgId` is chosen where you give none
     * @returns {Promise<{message_id: string, level: string}>} rejects with `CommandError`, or `Refused` when the line is
     *   gone for good
     */
    send(conversationId: string, text: string | null, { replyTo, clientMsgId, ...more }?: {
        replyTo?: string;
        clientMsgId?: string;
    } & Record<string, any>): Promise<{
        message_id: string;
        level: string;
    }>;
    /**
     * Ask anything that docs/protocol.md has.
     *
     * @param {string} type
     * @param {Record<string, any>} data
     * @param {{keep?: boolean}} [how] `keep`: in the storage, until it is answered
     * @returns {Promise<any>} the answer's data; rejects as `send` does, and at once where `data` is no JSON
     */
    ask(type: string, data: Record<string, any>, { keep }?: {
        keep?: boolean;
    }): Promise<any>;
    /**
     * What happens, as it does, each once. Who leaves 10,000 untaken has no line until they take them. Ends with `stop`.
     *
     * @returns {AsyncGenerator<Event, void, void>} throws `Refused` once the line is gone for good
     */
    events(): AsyncGenerator<Event, void, void>;
    #private;
}
/**
 * What happens, as `events()` yields it.
 *
 * A push of docs/protocol.md: `type`, `data`, `correlationId`, and where it has a place in a lane `lane`, `n` and
 * `healed` (whether a sync brought it); of type `error` with `error`. And what the client itself has to say:
 * - `pending`, `sent`, `failed`: of a message of this client, with `clientMsgId`, `conversationId`, `data` (what was
 *   asked); `sent` with `answer` (what the node said), `failed` with `error` (a `CommandError`).
 * - `online`, `offline`: the line.
 * - `reset`: not all that was missed can be sent: load what you show again; `error` or `data` say why. Where `data.reset`
 *   names conversations, it is these alone, and they are sent again from their beginning.
 */
export type Event = {
    type: string;
    data?: any;
    lane?: string | undefined;
    n?: number | undefined;
    healed?: boolean | undefined;
    correlationId?: string | undefined;
    clientMsgId?: string | undefined;
    conversationId?: string | undefined;
    answer?: any;
    error?: any;
};
export type Options = {
    /**
     * a token and socket URLs from your server; called for
     * the first line, and when the token has expired or no address answers. It may throw `Refused` to end the client;
     * whatever else it throws is tried again.
     */
    tokens: () => Promise<import("./access.js").Granted>;
    /**
     * keeps messages without an answer over a reload of the page
     */
    storage?: import("./stored_commands.js").Storage | null | undefined;
    /**
     * whose messages are kept there; needed where several users share a browser. Whom the token
     * names must be the same.
     */
    user?: string | undefined;
    /**
     * what `positions()` said on an earlier page: the events
     * since then come first. `{}` is the beginning of all conversations; without them events begin when `start()`
     * resolves
     */
    positions?: Record<string, Record<string, number>> | null | undefined;
    /**
     * for how long a command is repeated that a node cannot carry out, in milliseconds
     */
    patience?: number | undefined;
    /**
     * false: this page takes no events
     */
    hears?: boolean | undefined;
    /**
     * the W3C trace context of what is asked now: the nodes
     * continue that trace
     */
    traceparent?: (() => string | null | undefined) | undefined;
    /**
     * a name of this device: others' messages are said to be delivered there as they come
     */
    device?: string | undefined;
};
import { CommandError } from "./errors.js";
import { Refused } from "./errors.js";
export { CommandError, Refused };
