/** The commands of one client, from the asking to the answer. */
export class Sending {
    /**
     * @param {import("./stored_commands.js").StoredCommands} kept what an earlier page kept goes out first
     * @param {number} patience for how long an error worth a repeat is repeated, in milliseconds
     * @param {(frame: string) => boolean} write false: no node would take a frame of this size
     * @param {(event: import("./caas.js").Event) => void} emit
     * @param {() => string | null | undefined} traceparent the trace context of what is asked now
     */
    constructor(kept: import("./stored_commands.js").StoredCommands, patience: number, write: (frame: string) => boolean, emit: (event: import("./caas.js").Event) => void, traceparent?: () => string | null | undefined);
    /** How many may be on the line. @param {number} limit */
    set limit(limit: number);
    /** How many commands have no answer yet. */
    get unanswered(): number;
    /**
     * A new command, behind those asked before; where 10,000 wait already, or no node could read it, it is refused.
     *
     * @param {string} type
     * @param {Record<string, any>} data
     * @param {boolean} keep whether it outlives the page
     * @returns {Command}
     */
    ask(type: string, data: Record<string, any>, keep: boolean): Command;
    /** A line is open. */
    resume(): void;
    /** Commands go out on this line from now on. @param {object} line */
    set line(line: object);
    /** How many answers are due on this line. @param {object} line */
    due(line: object): number;
    /** This line is gone, and no other has taken its place. @param {object} [line] */
    lost(line?: object): void;
    /** A line that another has taken the place of is gone. @param {object} line */
    left(line: object): void;
    /** Nothing will be answered any more. @param {Error} error */
    end(error: Error): void;
    /**
     * Settle the command that this frame answers, or put it back to be repeated.
     *
     * @param {any} frame
     */
    answered({ id, data, error, correlation_id: correlationId }: any): void;
    /**
     * An error without an id: the command that it was about fails once the others have their answers. False where no
     * command is on the line.
     *
     * @param {import("./errors.js").Problem} error
     * @returns {boolean}
     */
    nameless(error: import("./errors.js").Problem): boolean;
    /**
     * Whether a command went out before this time and has no answer: then its line is of no use. One that no line
     * answered for as long as errors are repeated fails as `outcome_unknown`.
     *
     * @param {number} before milliseconds
     * @returns {boolean}
     */
    late(before: number): boolean;
    /** A push has come of the command with this id. @param {string} correlationId */
    received(correlationId: string): void;
    #private;
}
import { Command } from "./queue.js";
