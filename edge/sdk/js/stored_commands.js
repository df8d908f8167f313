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
  #storage;
  #key;

  /**
   * @param {Storage | null} storage null: nothing is kept
   * @param {string} key
   */
  constructor(storage, key) {
    this.#storage = storage;
    this.#key = key;
  }

  /**
   * What lies there, the oldest first.
   *
   * @returns {KeptCommand[]}
   */
  all() {
    try {
      const found = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch (error) {
      console.warn("caas: what was kept cannot be read", error);
      return [];
    }
  }

  /** @param {KeptCommand} command */
  add(command) {
    this.#write([...this.all(), command]);
  }

  /** @param {string} correlationId */
  remove(correlationId) {
    this.#write(this.all().filter((command) => command.correlation_id !== correlationId));
  }

  /** A storage that is full costs what it was to keep, not what is sent. */
  #write(commands) {
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(commands));
    } catch (error) {
      console.warn("caas: a command is not kept", error);
    }
  }
}
