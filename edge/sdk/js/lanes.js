/**
 * Where a client stands in every lane: what comes is handed out in the order of n, each once.
 *
 * At a hole in a lane all that comes later in its conversation is held, until the hole is filled or a sync has said
 * that nothing of ours is in it. The user's own lane stands beside the conversations, under a name that none has.
 */

/** The user's own lane, and where it stands in a vector. */
export const USER = "user";

/** The lanes of this version and the push of each; others are ignored. */
export const PUSH_OF_LANE = Object.freeze({
  sent: "message:new",
  edited: "message:edited",
  deleted: "message:deleted",
  reaction: "reaction:changed",
  conversation: "conversation:updated",
  [USER]: "inbox:changed",
});

const JOINS = new Set(["created", "participants-added"]);

/**
 * A push that has a place in a lane.
 *
 * @typedef {object} Push
 * @property {string} type
 * @property {any} data
 * @property {string} lane
 * @property {number} n
 * @property {string} [correlationId]
 * @property {boolean} healed whether a sync brought it
 */

/**
 * One lane: `at` is the last number handed out or passed over, NaN while it is not known; `held` is sorted by n.
 *
 * @typedef {{at: number, goal: number, held: {push: Push, came: number}[]}} Lane
 */

/** @typedef {Record<string, Record<string, number>>} Vector conversation → lane → n; and `user` → `user` → n */

/**
 * Under which name of a vector a push with a lane stands.
 *
 * @param {{lane?: string, data?: any}} push
 * @returns {string}
 */
export function placeOf({ lane, data }) {
  return lane === USER ? USER : data.conversation_id;
}

/** The lanes of one user. */
export class Lanes {
  /** From hello. */
  userId = "";
  /** How many pushes had come before. */
  dropped = 0;
  /** @type {Map<string, {whole: boolean, lanes: Map<string, Lane>}>} */
  #conversations = new Map();
  #came = 0;
  #held = 0;
  #syncing = false;
  #catchingUp = false;

  /** @param {Vector} [positions] where an earlier client stood */
  constructor(positions = {}) {
    for (const [id, lanes] of Object.entries(positions)) {
      const conversation = this.#conversation(id);
      for (const [lane, n] of Object.entries(lanes)) this.#lane(conversation, lane).at = n;
    }
  }

  /** Whether something is held. */
  get holes() {
    return this.#held > 0;
  }

  /**
   * Whether something is held of what is covered.
   *
   * @param {(id: string) => boolean} covered
   * @returns {boolean}
   */
  holds(covered) {
    return [...this.#conversations].some(([id, { lanes }]) => covered(id) && [...lanes.values()].some(isTorn));
  }

  /**
   * What a sync asks with: what is held lies beyond it. A lane at 0 is left out, which says the same.
   *
   * @returns {Vector}
   */
  vector() {
    /** @type {Vector} */
    const found = {};
    for (const [id, { lanes }] of this.#conversations) {
      const known = [...lanes].filter(([, { at }]) => !Number.isNaN(at));
      const stands = known.map(([name, { at, held }]) => [name, Math.min(at, (held[0]?.push.n ?? Infinity) - 1)]);
      const beyond = stands.filter(([, at]) => at);
      if (beyond.length > 0 || (known.length > 0 && id !== USER)) found[id] = Object.fromEntries(beyond);
    }
    return found;
  }

  /**
   * What can be handed out now that this push has come.
   *
   * @param {Push} push
   * @returns {Push[]}
   */
  take(push) {
    const conversation = this.#conversation(placeOf(push));
    if (push.lane === "conversation") this.#begin(conversation, push);
    const lane = this.#lane(conversation, push.lane);
    if (push.n === 1 && Number.isNaN(lane.at)) lane.at = 0;
    let place = lane.held.length;
    while (place > 0 && lane.held[place - 1].push.n > push.n) place -= 1;
    if (push.n <= lane.at || lane.held[place - 1]?.push.n === push.n) {
      this.dropped += 1;
    } else {
      const healed = this.#syncing && (this.#catchingUp || push.n < lane.goal);
      const came = lane.held[place]?.came ?? (this.#came += 1); // what fills a hole goes where the hole was seen
      lane.held.splice(place, 0, { push: { ...push, healed }, came });
      this.#held += 1;
    }
    return this.#release(conversation);
  }

  /**
   * A sync is under way.
   *
   * @param {boolean} catchingUp after a line was lost; else because of holes
   */
  asked(catchingUp) {
    this.#syncing = true;
    this.#catchingUp = catchingUp;
    for (const lane of this.#all()) lane.goal = lane.held.at(-1)?.push.n ?? 0;
  }

  /** The sync under way came to nothing. */
  unanswered() {
    this.#syncing = false;
  }

  /**
   * What can be handed out after a sync of what is covered that brought everything up to `vector`. A conversation that a complete
   * one no longer speaks of (its user has left) has nothing more to wait for.
   *
   * @param {Vector} vector
   * @param {boolean} complete
   * @param {(id: string) => boolean} [covered]
   * @returns {Push[]}
   */
  synced(vector, complete, covered = () => true) {
    this.#syncing = false;
    for (const [id, lanes] of Object.entries(vector)) {
      const conversation = this.#conversation(id);
      for (const [name, n] of Object.entries(lanes)) advance(this.#lane(conversation, name), n);
      if (complete) this.#makeWhole(conversation);
    }
    const released = [];
    for (const [id, conversation] of this.#conversations) {
      if (complete && !(id in vector) && covered(id)) pass(conversation.lanes.values());
      released.push(...this.#release(conversation));
    }
    return released;
  }

  /**
   * The node could not send all that was missed: what is held is handed out, and its lanes go on from there.
   *
   * @returns {Push[]}
   */
  forget() {
    this.#syncing = false;
    pass(this.#all());
    return [...this.#conversations.values()].flatMap((conversation) => this.#release(conversation));
  }

  /**
   * These positions say more than there is: nothing is known of these any more.
   *
   * @param {string[]} ids
   */
  reset(ids) {
    for (const id of ids) {
      for (const lane of this.#conversation(id).lanes.values()) this.#held -= lane.held.length;
      this.#conversations.delete(id);
    }
  }

  /** The user's own joining says where the lanes begin; what is known already stays. */
  #begin(conversation, { data, n }) {
    if (!JOINS.has(data.change) || !data.participants?.includes(this.userId)) return;
    const sent = this.#lane(conversation, "sent");
    if (Number.isNaN(sent.at)) sent.at = data.at_seq ?? 0;
    const changes = this.#lane(conversation, "conversation");
    if (Number.isNaN(changes.at)) changes.at = n - 1;
    if (!data.at_seq) this.#makeWhole(conversation);
  }

  /** Lanes that nothing is known of begin at 0 from here on. */
  #makeWhole(conversation) {
    conversation.whole = true;
    for (const lane of conversation.lanes.values()) if (Number.isNaN(lane.at)) lane.at = 0;
  }

  /** What is held, in the order in which it came, while no lane has a hole. */
  #release(conversation) {
    const released = [];
    for (;;) {
      const heads = [...conversation.lanes.values()].filter((lane) => lane.held.length > 0);
      if (heads.length === 0 || heads.some((lane) => !(lane.held[0].push.n <= lane.at + 1))) return released;
      const next = heads.reduce((first, lane) => (lane.held[0].came < first.held[0].came ? lane : first));
      const { push } = /** @type {{push: Push}} */ (next.held.shift());
      this.#held -= 1;
      advance(next, push.n);
      released.push(push);
    }
  }

  #conversation(id) {
    let found = this.#conversations.get(id);
    if (found === undefined) this.#conversations.set(id, (found = { whole: false, lanes: new Map() }));
    return found;
  }

  /** @returns {Lane} */
  #lane(conversation, name) {
    let found = conversation.lanes.get(name);
    if (found === undefined) {
      found = { at: conversation.whole ? 0 : NaN, goal: 0, held: [] };
      conversation.lanes.set(name, found);
    }
    return found;
  }

  /** @returns {Lane[]} */
  #all() {
    return [...this.#conversations.values()].flatMap(({ lanes }) => [...lanes.values()]);
  }
}

/** @param {Lane} lane @param {number} n */
function advance(lane, n) {
  lane.at = Number.isNaN(lane.at) ? n : Math.max(lane.at, n);
}

/** @param {Lane} lane */
function isTorn(lane) {
  return lane.held.length > 0;
}

/** Whatever is held has nothing to wait for. @param {Iterable<Lane>} lanes */
function pass(lanes) {
  for (const lane of lanes) if (lane.held.length > 0) advance(lane, lane.held[lane.held.length - 1].push.n);
}
