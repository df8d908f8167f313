/**
 * Commands go out in the order asked, so many at a time, and of one conversation one after the other: then its order
 * holds whichever of them must be repeated. Queries and signals hold back no message.
 */

import { orderOf } from "./command_order.js";

const IN_FLIGHT = 64;

/** A command that has no answer yet. */
export class Command {
  /** It waits to be repeated. */
  paused = false;
  /** No node could read it. */
  unfit = false;
  failures = 0;
  /** The line that it went out on last. @type {object | null} */
  line = null;
  /** When it failed first, in milliseconds; 0: it did not. */
  failingSince = 0;
  /** When it went out last, in milliseconds. */
  sentAt = 0;

  /**
   * @param {string} type
   * @param {Record<string, any>} data
   * @param {string} correlationId
   * @param {boolean} [kept] whether it lies in the storage as well
   * @param {boolean} [retry] whether it may have been sent before
   * @param {string | null} [traceparent] the trace context that it continues
   */
  constructor(type, data, correlationId, kept = false, retry = false, traceparent = null) {
    this.type = type;
    this.data = data;
    this.correlationId = correlationId;
    this.kept = kept;
    this.retry = retry;
    this.traceparent = traceparent;
    /** What is kept in order with others of the same; null: nothing. */
    this.order = orderOf(type, data);
    this.id = 0;
    /** @type {(answer: any) => void} */
    this.resolve = () => {};
    /** @type {(error: Error) => void} */
    this.reject = () => {};
    /** @type {Promise<any>} */
    this.answer = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.answer.catch(() => {}); // a caller that does not wait learns it from an event
  }

  /** What is kept in order. */
  get key() {
    return this.order ?? this;
  }

  /** Whether its answer comes later than its acceptance. */
  get waitsForMore() {
    return (this.data.wait_for ?? "accepted") !== "accepted";
  }

  /** The frame. */
  get frame() {
    const { id, type, data, correlationId: correlation_id, retry, traceparent } = this;
    return JSON.stringify({ id, type, data, correlation_id, ...(retry && { retry }), ...(traceparent && { traceparent }) });
  }
}

/** The commands of one client. */
export class Queue {
  /** Maximum number of commands on the line, as `hello` says. */
  limit = IN_FLIGHT;
  /** The line that commands go out on. @type {object | null} */
  line = null;
  #lastId = 0;
  /** @type {Command[]} by id */
  #waiting = [];
  /** @type {Map<number, Command>} */
  #flying = new Map();

  get length() {
    return this.#waiting.length + this.#flying.size;
  }

  /**
   * Take a command in, behind those asked before.
   *
   * @param {Command} command
   */
  ask(command) {
    command.id = this.#lastId += 1;
    this.#waiting.push(command);
  }

  /**
   * The next command that may go out now; it counts as on the line.
   *
   * @returns {Command | null}
   */
  next() {
    if (this.#flying.size >= this.limit) return null;
    const busy = new Set([...this.#flying.values()].map((command) => command.key));
    for (const [place, command] of this.#waiting.entries()) {
      if (!command.paused && !busy.has(command.key)) {
        this.#waiting.splice(place, 1);
        this.#flying.set(command.id, command);
        command.line = this.line;
        return command;
      }
      busy.add(command.key);
    }
    return null;
  }

  /**
   * The command on the line with this id.
   *
   * @param {any} id
   * @returns {Command | undefined}
   */
  get(id) {
    return this.#flying.get(id);
  }

  /**
   * A push has come of the command with this id, so it was accepted: where its answer still waits for more, its
   * conversation goes on.
   *
   * @param {string} correlationId
   */
  received(correlationId) {
    for (const command of this.#flying.values()) {
      if (command.correlationId === correlationId && command.waitsForMore) command.order = null;
    }
  }

  /**
   * The command was answered; its conversation goes on.
   *
   * @param {Command} command
   */
  answered(command) {
    this.#flying.delete(command.id);
  }

  /**
   * The command must be repeated: it waits, paused, and so does its conversation.
   *
   * @param {Command} command
   */
  again(command) {
    this.#flying.delete(command.id);
    command.retry = command.paused = true;
    command.failures += 1;
    this.#putBack([command]);
  }

  /** Those that are on this line. @param {object | null} [line] @returns {Command[]} */
  flying(line = this.line) {
    return [...this.#flying.values()].filter((command) => command.line === line);
  }

  /** This line broke: what was on it goes out again first, in order, as a repeat. @param {object | null} [line] */
  lost(line = this.line) {
    const lost = this.flying(line);
    for (const command of lost) {
      command.retry = true;
      this.#flying.delete(command.id);
    }
    this.#putBack(lost);
  }

  /**
   * All that has no answer; it is not here any more.
   *
   * @returns {Command[]}
   */
  drain() {
    this.#putBack(this.#flying.values());
    this.#flying.clear();
    return this.#waiting.splice(0);
  }

  /** @param {Iterable<Command>} commands */
  #putBack(commands) {
    this.#waiting = [...commands, ...this.#waiting].sort((one, other) => one.id - other.id);
  }
}
