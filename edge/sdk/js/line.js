/**
 * One line to one node: a WebSocket that logs in by its first frame, until it ends.
 *
 * A browser shows no pings, so a line that is quiet for longer than the node's heartbeat is asked something.
 */

import { socketClass } from "./socket.js";

const SUBPROTOCOL = "caas.v1.json";
const HELLO_MS = 10_000;
const PROBE_MS = 5_000;
/** The part of its token's time after which a line is shown another, and the shortest pause before that. */
const FRESH = 0.8;
const RENEW_MS = 1_000;
/** A browser's timers take no longer pause: beyond it they are due at once. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;
const PROBE = JSON.stringify({ id: "probe", type: "conversation:list", data: { limit: 1 } });

/** A WebSocket from its first frame to its close. */
export class Line {
  /** Whether hello has come and the line has not ended. */
  open = false;
  #socket;
  #heard;
  #over = false;
  #heardAt = 0;
  #quiet = 0;
  #deadline = 0;
  #renewal = 0;
  #expiresAt = 0;
  #renew;
  /** @type {(code: number | null) => void} */
  #end = () => {};

  /**
   * @param {string} url
   * @param {string} token
   * @param {(frame: any) => void} heard called for every frame from hello on, but the answers to `auth`
   * @param {() => Promise<string>} renew another token, in time before this one expires
   */
  constructor(url, token, heard, renew) {
    this.#heard = heard;
    this.#renew = renew;
    /** The close code, null where the line broke or none came about. @type {Promise<number | null>} */
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#socket = new (socketClass())(url, SUBPROTOCOL);
    this.#socket.addEventListener("open", () => this.#login(token));
    this.#socket.addEventListener("message", ({ data }) => this.#read(data));
    this.#socket.addEventListener("close", ({ code }) => this.#finish(code));
    this.#deadline = setTimeout(() => this.drop(), HELLO_MS);
  }

  /** @param {string} frame */
  send(frame) {
    if (this.#socket.readyState === socketClass().OPEN) this.#socket.send(frame);
  }

  /** @param {string} token */
  #login(token) {
    this.send(JSON.stringify({ id: "auth", type: "auth", data: { token } }));
  }

  /** Show the node another token in time. One that it refuses, or that is not to be had, is asked for again. */
  #keep() {
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(RENEW_MS, (this.#expiresAt - Date.now()) * FRESH));
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => {
      this.#keep();
      this.#renew().then((token) => this.#login(token), (error) => console.info("caas: no token to keep the line with", error));
    }, pause);
  }

  /** Ask whether anybody is there; a line that then says nothing is dropped. */
  probe() {
    if (!this.open || this.#deadline) return;
    this.send(PROBE);
    this.#deadline = setTimeout(() => this.drop(), PROBE_MS);
  }

  /** Hang up without waiting for the node's word. */
  drop() {
    this.#finish(null);
    this.#socket.close(1000);
  }

  /** @param {string} text */
  #read(text) {
    if (this.#over) return;
    const frame = JSON.parse(text);
    if (!this.open && frame.type !== "hello") return; // an error, whose close code says more
    clearTimeout(this.#deadline);
    this.#deadline = 0;
    this.#heardAt = Date.now();
    if (!this.open) this.#watch(frame.data.heartbeat_ms);
    this.open = true;
    if (frame.id !== "auth") return this.#heard(frame);
    if (frame.error) return console.info("caas: another token is refused", frame.error);
    this.#expiresAt = Date.now() + frame.data.expires_in * 1000;
    this.#keep();
  }

  /** @param {number} heartbeat milliseconds */
  #watch(heartbeat) {
    this.#quiet = setInterval(() => {
      if (Date.now() - this.#heardAt >= heartbeat) this.probe();
    }, heartbeat / 2);
  }

  /** @param {number | null} code */
  #finish(code) {
    if (this.#over) return;
    this.#over = true;
    this.open = false;
    clearTimeout(this.#deadline);
    clearInterval(this.#quiet);
    clearTimeout(this.#renewal);
    this.#end(code);
  }
}
