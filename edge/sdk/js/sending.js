/**
 * A command is asked once and answered once: it is repeated until a node accepts or rejects it, and its page gets an event.
 */

import { pauseAfter } from "./backoff.js";
import { CommandError } from "./errors.js";
import { uuid } from "./ids.js";
import { ErrorsWithoutId } from "./errors_without_id.js";
import { Command, Queue } from "./queue.js";
import { sendable } from "./json_cleaning.js";

const LONGEST_RETRY_MS = 5_000;
const WAITING = 10_000;

/** The commands of one client, from the asking to the answer. */
export class Sending {
  #kept;
  #patience;
  #write;
  #emit;
  #traceparent;
  #queue = new Queue();
  #nameless = new ErrorsWithoutId();
  /** Whether there is a line that takes commands. */
  #goes = false;

  /**
   * @param {import("./stored_commands.js").StoredCommands} kept what an earlier page kept goes out first
   * @param {number} patience for how long an error worth a repeat is repeated, in milliseconds
   * @param {(frame: string) => boolean} write false: no node would take a frame of this size
   * @param {(event: import("./caas.js").Event) => void} emit
   * @param {() => string | null | undefined} traceparent the trace context of what is asked now
   */
  constructor(kept, patience, write, emit, traceparent = () => null) {
    this.#kept = kept;
    this.#patience = patience;
    this.#write = write;
    this.#emit = emit;
    this.#traceparent = traceparent;
    for (const { type, data, correlation_id: id } of kept.all()) {
      const command = this.#made(type, data, id, true, true);
      if (command.unfit) kept.remove(id);
      else this.#take(command);
    }
  }

  /** How many may be on the line. @param {number} limit */
  set limit(limit) {
    this.#queue.limit = limit;
  }

  /** How many commands have no answer yet. */
  get unanswered() {
    return this.#queue.length;
  }

  /**
   * A new command, behind those asked before; where 10,000 wait already, or no node could read it, it is refused.
   *
   * @param {string} type
   * @param {Record<string, any>} data
   * @param {boolean} keep whether it outlives the page
   * @returns {Command}
   */
  ask(type, data, keep) {
    const command = this.#made(type, data, uuid(), keep);
    if (command.unfit) return command;
    if (this.unanswered >= WAITING) {
      command.reject(new CommandError({ code: "unavailable", detail: `${WAITING} commands wait already` }));
      return command;
    }
    if (keep) this.#kept.add({ type, data: command.data, correlation_id: command.correlationId });
    this.#take(command);
    this.#pump();
    return command;
  }

  /** A line is open. */
  resume() {
    this.#goes = true;
    this.#pump();
  }

  /** Commands go out on this line from now on. @param {object} line */
  set line(line) {
    this.#nameless.forget();
    this.#queue.line = line;
  }

  /** How many answers are due on this line. @param {object} line */
  due(line) {
    return this.#queue.flying(line).length;
  }

  /** This line is gone, and no other has taken its place. @param {object} [line] */
  lost(line) {
    this.#goes = false;
    this.#nameless.forget();
    this.#queue.lost(line);
  }

  /** A line that another has taken the place of is gone. @param {object} line */
  left(line) {
    this.#queue.lost(line);
    this.#pump();
  }

  /** Nothing will be answered any more. @param {Error} error */
  end(error) {
    this.#goes = false;
    for (const command of this.#queue.drain()) command.reject(error);
  }

  /**
   * Settle the command that this frame answers, or put it back to be repeated.
   *
   * @param {any} frame
   */
  answered({ id, data, error, correlation_id: correlationId }) {
    const command = this.#queue.get(id);
    if (command === undefined) return;
    if (error?.retry && Date.now() - (command.failingSince ||= Date.now()) < this.#patience) {
      this.#queue.again(command);
      const pause = Math.max(error.retry_after_ms ?? 0, pauseAfter(command.failures, LONGEST_RETRY_MS));
      setTimeout(() => this.#again(command), pause);
    } else {
      this.#settle(command, error, data, correlationId);
    }
    this.#nameless.answered(id);
    this.#failTheNameless();
  }

  /**
   * An error without an id: the command that it was about fails once the others have their answers. False where no
   * command is on the line.
   *
   * @param {import("./errors.js").Problem} error
   * @returns {boolean}
   */
  nameless(error) {
    const came = this.#nameless.came(error, this.#queue.flying().map(({ id }) => id));
    this.#failTheNameless();
    return came;
  }

  /**
   * Whether a command went out before this time and has no answer: then its line is of no use. One that no line
   * answered for as long as errors are repeated fails as `outcome_unknown`.
   *
   * @param {number} before milliseconds
   * @returns {boolean}
   */
  late(before) {
    const late = this.#queue.flying().filter(({ sentAt }) => sentAt < before);
    for (const command of late) {
      if (Date.now() - (command.failingSince ||= command.sentAt) < this.#patience) continue;
      this.#settle(command, { code: "outcome_unknown", detail: "no answer has come", retry: true });
    }
    return late.length > 0;
  }

  /** A push has come of the command with this id. @param {string} correlationId */
  received(correlationId) {
    this.#queue.received(correlationId);
    this.#pump();
  }

  /** Send what may go out now. */
  #pump() {
    while (this.#goes) {
      const command = this.#queue.next();
      if (command === null) return;
      const { frame } = command;
      command.sentAt = Date.now();
      if (!this.#write(frame)) this.#settle(command, { code: "too_large", detail: `${frame.length} characters` });
    }
  }

  /** @param {Command} command */
  #again(command) {
    command.paused = false;
    this.#pump();
  }

  #failTheNameless() {
    for (const [id, problem] of this.#nameless.found()) {
      const command = this.#queue.get(id);
      if (command) this.#settle(command, problem);
    }
    this.#pump();
  }

  /**
   * A command; one that no node could read has failed already.
   *
   * @param {string} type
   * @param {Record<string, any>} data
   * @param {string} id
   * @param {boolean} kept
   * @param {boolean} [retry]
   */
  #made(type, data, id, kept, retry = false) {
    try {
      return new Command(type, sendable(data), id, kept, retry, retry ? null : (this.#traceparent() ?? null));
    } catch (error) {
      const command = new Command(type, data, id, kept, retry);
      command.unfit = true;
      this.#tellOf(command, { type: "pending" });
      this.#tellOf(command, { type: "failed", error });
      command.reject(/** @type {Error} */ (error));
      return command;
    }
  }

  /** @param {Command} command */
  #take(command) {
    this.#queue.ask(command);
    this.#tellOf(command, { type: "pending" });
  }

  /**
   * The command has its answer.
   *
   * @param {Command} command
   * @param {import("./errors.js").Problem} [problem]
   * @param {any} [answer]
   * @param {string} [correlationId]
   */
  #settle(command, problem, answer, correlationId) {
    this.#queue.answered(command);
    if (command.kept) this.#kept.remove(command.correlationId);
    if (problem) {
      const error = new CommandError(problem, correlationId);
      this.#tellOf(command, { type: "failed", error });
      command.reject(error);
    } else {
      this.#tellOf(command, { type: "sent", answer });
      command.resolve(answer);
    }
  }

  /**
   * A page shows messages before they are answered.
   *
   * @param {Command} command
   * @param {import("./caas.js").Event} what
   */
  #tellOf({ data }, what) {
    const { client_msg_id: clientMsgId, conversation_id: conversationId } = data;
    if (clientMsgId) this.#emit({ ...what, clientMsgId, conversationId, data });
  }
}
