/**
 * A token and the addresses of the sockets, asked for anew when the token was refused or has lived most of its time,
 * and when nobody answers at any address.
 */

import { Refused } from "./errors.js";

const FRESH = 0.8;
/** Tries without a hello, and every address once, before the addresses are asked for again. */
const TRIES = 3;

/**
 * What the application's server got from the gateway; it may pass on the whole answer.
 *
 * @typedef {object} Granted
 * @property {string} token
 * @property {string[]} socket_urls
 * @property {number} [expires_in] seconds; without it a token is used until a node refuses it
 */

/** Where to go and with what, as the application's server says. */
export class Access {
  #tokens;
  /** @type {Granted | null} */
  #granted = null;
  #until = Infinity;
  #tries = 0;
  #failures = 0;

  /** @param {() => Promise<Granted>} tokens */
  constructor(tokens) {
    this.#tokens = tokens;
  }

  /**
   * Where to go next and with what. Rejects as `tokens` does.
   *
   * @returns {Promise<{url: string, token: string}>}
   */
  async next() {
    const nobody = this.#failures >= Math.max(TRIES, this.#granted?.socket_urls.length ?? 0);
    if (nobody || Date.now() >= this.#until) this.#granted = null;
    const granted = (this.#granted ??= await this.#ask());
    const { token, socket_urls: urls } = granted;
    this.#failures += 1;
    return { url: urls[this.#tries++ % urls.length], token };
  }

  /** A token for the line at hand: another one where the last has lived most of its time. Rejects as `tokens` does. */
  async token() {
    if (Date.now() >= this.#until) this.#granted = null;
    return (this.#granted ??= await this.#ask()).token;
  }

  /** The last address answered. */
  worked() {
    this.#failures = 0;
  }

  /** The token is good no more. */
  expired() {
    this.#granted = null;
  }

  async #ask() {
    const granted = await this.#tokens();
    if (!granted?.token || !granted.socket_urls?.length) throw new Refused(0, "tokens() lacks token or socket_urls");
    this.#failures = 0;
    this.#until = granted.expires_in ? Date.now() + granted.expires_in * 1000 * FRESH : Infinity;
    return granted;
  }
}
