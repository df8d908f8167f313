/** A command that has no answer yet. */
export class Command {
    /**
     * @param {string} type
     * @param {Record<string, any>} data
     * @param {string} correlationId
     * @param {boolean} [kept] whether it lies in the storage as well
     * @param {boolean} [retry] whether it may have been sent before
     * @param {string | null} [traceparent] the trace context that it continues
     */
    constructor(type: string, data: Record<string, any>, correlationId: string, kept?: boolean, retry?: boolean, traceparent?: string | null);
    /** It waits to be repeated. */
    paused: boolean;
    /** No node could read it. */
    unfit: boolean;
    failures: number;
    /** The line that it went out on last. @type {object | null} */
    line: object | null;
    /** When it failed first, in milliseconds; 0: it did not. */
    failingSince: number;
    /** When it went out last, in milliseconds. */
    sentAt: number;
    type: string;
    data: Record<string, any>;
    correlationId: string;
    kept: boolean;
    retry: boolean;
    traceparent: string | null;
    /** What is kept in order with others of the same; null: nothing. */
    order: string | null;
    id: number;
    /** @type {(answer: any) => void} */
    resolve: (answer: any) => void;
    /** @type {(error: Error) => void} */
    reject: (error: Error) => void;
    /** @type {Promise<any>} */
    answer: Promise<any>;
    /** What is kept in order. */
    get key(): any;
    /** Whether its answer comes later than its acceptance. */
    get waitsForMore(): boolean;
    /** The frame. */
    get frame(): string;
}
/** The commands of one client. */
export class Queue {
    /** Maximum number of commands on the line, as `hello` says. */
    limit: number;
    /** The line that commands go out on. @type {object | null} */
    line: object | null;
    get length(): number;
    /**
     * Take a command in, behind those asked before.
     *
     * @param {Command} command
     */
    ask(command: Command): void;
    /**
     * The next command that may go out now; it counts as on the line.
     *
     * @returns {Command | null}
     */
    next(): Command | null;
    /**
     * The command on the line with this id.
     *
     * @param {any} id
     * @returns {Command | undefined}
     */
    get(id: any): Command | undefined;
    /**
     * A push has come of the command with this id, so it was accepted: where its answer still waits for more, its
     * conversation goes on.
     *
     * @param {string} correlationId
     */
    received(correlationId: string): void;
    /**
     * The command was answered; its conversation goes on.
     *
     * @param {Command} command
     */
    answered(command: Command): void;
    /**
     * The command must be repeated: it waits, paused, and so does its conversation.
     *
     * @param {Command} command
     */
    again(command: Command): void;
    /** Those that are on this line. @param {object | null} [line] @returns {Command[]} */
    flying(line?: object | null): Command[];
    /** This line broke: what was on it goes out again first, in order, as a repeat. @param {object | null} [line] */
    lost(line?: object | null): void;
    /**
     * All that has no answer; it is not here any more.
     *
     * @returns {Command[]}
     */
    drain(): Command[];
    #private;
}
