/**
 * Others' messages that arrived are said to be delivered: of a conversation the newest, at most once a second.
 */

const PAUSE_MS = 1_000;

/** Says so for one device. A no, and an answer that never comes, change nothing. */
export class DeliveryReports {
  #ask;
  #device;
  /** @type {Map<string, number>} by conversation, what was not said yet; 0: all was within the last second */
  #newest = new Map();

  /**
   * @param {(type: string, data: Record<string, any>) => Promise<any>} ask
   * @param {string} device its name
   */
  constructor(ask, device) {
    this.#ask = ask;
    this.#device = device;
  }

  /**
   * The page receives this event.
   *
   * @param {import("./caas.js").Event} event
   * @param {string} userId whose page it is
   */
  received({ type, data }, userId) {
    if (type !== "message:new" || data.sender === userId) return;
    const before = this.#newest.get(data.conversation_id);
    this.#newest.set(data.conversation_id, Math.max(data.seq, before ?? 0));
    if (before === undefined) this.#say(data.conversation_id);
  }

  /** Until a second has passed without more, and the one before has its answer. @param {string} id */
  async #say(id) {
    for (let seq = this.#newest.get(id); seq; seq = this.#newest.get(id)) {
      this.#newest.set(id, 0);
      const pause = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const said = this.#ask("message:delivered", { conversation_id: id, seq, device: this.#device });
      await Promise.all([pause, said.catch(() => {})]);
    }
    this.#newest.delete(id);
  }
}
