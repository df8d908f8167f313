/**
 * A client of the socket protocol for browsers: its commands are answered once, its events come in order, each once,
 * whatever the line does.
 */

import { Access } from "./access.js";
import { DeliveryReports } from "./delivery_reports.js";
import { CLOSED_BY_US, CommandError, Refused } from "./errors.js";
import { GapRecovery } from "./gap_recovery.js";
import { uuid } from "./ids.js";
import { EventQueue } from "./event_queue.js";
import { StoredCommands } from "./stored_commands.js";
import { Lanes, PUSH_OF_LANE } from "./lanes.js";
import { Lines } from "./lines.js";
import { Sending } from "./sending.js";
import { ReconnectState } from "./reconnect_state.js";

export { CommandError, Refused };

/** Pushes of the present state: where there are two lines, the newer one brings them. */
const NOW = new Set(["receipt", "cursors:moved", "presence", "typing", "slow_down"]);

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
  #access;
  #user;
  #lanes;
  #healing;
  #sending;
  #hears;
  #session;
  #delivering;
  #lines;
  #inbox = new EventQueue();
  #frameLimit = 0;
  /** @type {Refused | null} */
  #refused = null;
  /** @type {Promise<any> | null} */
  #started = null;
  /** @type {any} */
  #hello = null;
  #greeted = (/** @type {any} */ _hello) => {};
  #unwelcome = (/** @type {Refused} */ _refusal) => {};

  /** @param {Options} options */
  constructor({ tokens, storage = null, user = "", positions = null, patience = 60_000, hears = true, device = "", traceparent }) {
    this.#access = new Access(tokens);
    this.#user = user;
    this.#hears = hears;
    this.#lanes = new Lanes(positions ?? {});
    const write = (/** @type {string} */ frame) => this.#write(frame);
    const emit = (/** @type {Event} */ event) => this.#emit(event);
    const handOut = (/** @type {Event[]} */ events) => events.forEach(emit);
    this.#healing = new GapRecovery(this.#lanes, write, handOut, positions === null, () => this.#begun());
    this.#sending = new Sending(new StoredCommands(storage, `caas.queue.${user}`), patience, write, emit, traceparent);
    this.#session = new ReconnectState(write, emit);
    this.#delivering = device ? new DeliveryReports((type, data) => this.ask(type, data), device) : null;
    this.#lines = new Lines(this.#access, {
      room: () => this.#inbox.room(),
      heard: (frame, line) => this.#heard(frame, line),
      broke: (line) => this.#broke(line),
      followed: () => this.#followed(),
      settled: (line) => this.#sending.due(line) === 0 && this.#healing.settled,
      left: (line) => this.#sending.left(line),
      late: (before) => this.#sending.late(before) || this.#healing.late(before),
    });
  }

  /** Whether the line is open. */
  get connected() {
    return this.#lines.open;
  }

  /** Who this is, as the node said first; empty until then. */
  get userId() {
    return this.#lanes.userId;
  }

  /** How many commands wait for their answer. */
  get unanswered() {
    return this.#sending.unanswered;
  }

  /**
   * Where the application stands by the events that it took: conversation → lane → n, and `user` for the user's own
   * lane. Keep it for a later client.
   *
   * @returns {import("./lanes.js").Vector}
   */
  positions() {
    return this.#inbox.before(this.#lanes.vector());
  }

  /**
   * Open the line and keep it until `stop`. Nobody needs to wait for it: what is asked meanwhile goes out when there is
   * a line.
   *
   * @returns {Promise<any>} the first hello's data, once there is a line and it is known where it begins, however long
   *   that takes. Rejects with `Refused`.
   */
  start() {
    if (this.#refused) return Promise.reject(this.#refused);
    if (this.#started) return this.#started;
    this.#started = new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.#unwelcome = reject;
    });
    this.#started.catch(() => {}); // a caller that does not wait for it learns it from events()
    this.#lines.keep().catch((error) => this.#end(error instanceof Refused ? error : new Refused(0, String(error))));
    return this.#started;
  }

  /** Hang up; promises without an answer reject with `Refused` 1000, `events()` ends. What is kept stays kept. */
  stop() {
    this.#end(new Refused(CLOSED_BY_US, "this client was stopped"));
  }

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
  send(conversationId, text, { replyTo, clientMsgId = uuid(), ...more } = {}) {
    const data = { conversation_id: conversationId, client_msg_id: clientMsgId, text, reply_to: replyTo, ...more };
    return this.ask("message:send", data, { keep: true });
  }

  /**
   * Ask anything that docs/protocol.md has.
   *
   * @param {string} type
   * @param {Record<string, any>} data
   * @param {{keep?: boolean}} [how] `keep`: in the storage, until it is answered
   * @returns {Promise<any>} the answer's data; rejects as `send` does, and at once where `data` is no JSON
   */
  ask(type, data, { keep = false } = {}) {
    if (this.#refused) return Promise.reject(this.#refused);
    const asked = this.#sending.ask(type, data, keep);
    this.#session.remember(type, asked.data, asked.answer);
    return asked.answer;
  }

  /**
   * What happens, as it does, each once. Who leaves 10,000 untaken has no line until they take them. Ends with `stop`.
   *
   * @returns {AsyncGenerator<Event, void, void>} throws `Refused` once the line is gone for good
   */
  events() {
    return /** @type {AsyncGenerator<Event, void, void>} */ (this.#inbox.take());
  }

  /** @param {any} frame @param {import("./line.js").Line} line */
  #heard(frame, line) {
    const { type, data, lane, n, error, correlation_id: correlationId } = frame;
    if (type === "hello") return this.#opened(data, line);
    if (frame.id !== undefined && frame.id !== null) return this.#answered(frame);
    if (correlationId) this.#sending.received(correlationId);
    const current = this.#lines.isCurrent(line);
    if (type === "going-away") return current && this.#lines.goesAway(data.reconnect_after_ms ?? 0);
    if (type === "error" && !data && (!current || this.#sending.nameless(error))) return;
    if (type === "error" || (current && NOW.has(type))) this.#emit({ type, data, error, correlationId });
    else if (PUSH_OF_LANE[lane] === type) this.#healing.take({ type, data, lane, n, correlationId, healed: false });
  }

  #opened(hello, line) {
    if (this.#user && hello.user_id !== this.#user) {
      return this.#end(new Refused(0, `the token is of ${hello.user_id}, not of ${this.#user}`));
    }
    this.#access.worked();
    this.#lanes.userId = hello.user_id;
    this.#sending.limit = hello.limits.in_flight;
    this.#sending.line = line;
    if (this.#frameLimit === 0) this.#emit({ type: "online", data: hello });
    this.#frameLimit = hello.limits.frame;
    this.#hello = hello;
    this.#session.cameBack();
    this.#healing.cameBack();
  }

  /** @param {import("./line.js").Line} line */
  #broke(line) {
    if (this.#frameLimit > 0) this.#emit({ type: "offline" });
    this.#frameLimit = 0;
    this.#sending.lost(line);
    this.#followed();
  }

  /** What was asked of the old line by the client itself is asked anew. */
  #followed() {
    this.#session.broke();
    this.#healing.broke();
  }

  /** It is known where the lanes begin: what is sent from now on is delivered. */
  #begun() {
    this.#sending.resume();
    this.#greeted(this.#hello);
  }

  #answered(frame) {
    if (!this.#healing.answered(frame) && !this.#session.answered(frame)) this.#sending.answered(frame);
  }

  /** False where no node would take a frame of this size. @param {string} frame */
  #write(frame) {
    if (frame.length > this.#frameLimit || new TextEncoder().encode(frame).length > this.#frameLimit) return false;
    this.#lines.send(frame);
    return true;
  }

  /** @param {Event} event */
  #emit(event) {
    if (this.#hears) this.#inbox.put(event);
    this.#delivering?.received(event, this.userId);
    if (this.#inbox.full) this.#lines.drop();
  }

  /** @param {Refused} no */
  #end(no) {
    if (this.#refused) return;
    this.#refused = no;
    this.#lines.stop();
    this.#sending.end(no);
    this.#inbox.close(no.code === CLOSED_BY_US ? null : no);
    this.#unwelcome(no);
  }
}
