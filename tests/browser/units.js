// Unit tests of the client's parts that need no line; each function is a test, and throws if it fails.

const at = new URLSearchParams(location.search).get("client").replace(/caas\.js$/, "");
const load = (name) => import(at + name);
const { Lanes } = await load("lanes.js");
const { Line } = await load("line.js");
const { Command, Queue } = await load("queue.js");
const { StoredCommands } = await load("stored_commands.js");
const { Sending } = await load("sending.js");
const { EventQueue } = await load("event_queue.js");
const { Access } = await load("access.js");
const { pauseAfter, pauseAfterClose } = await load("backoff.js");
const { CommandError, comesBack } = await load("errors.js");
const { GapRecovery } = await load("gap_recovery.js");
const { uuid } = await load("ids.js");
const { MAX_CONVERSATIONS } = await load("sync_parts.js");
const { sendable } = await load("json_cleaning.js");
const { ReconnectState } = await load("reconnect_state.js");
const { DeliveryReports } = await load("delivery_reports.js");

function same(found, wanted) {
  const [one, other] = [found, wanted].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`found ${one}, wanted ${other}`);
}

const push = (n, lane = "sent", conversation_id = "c") => ({ type: "x", data: { conversation_id }, lane, n });
const joined = (n, at_seq, user = "ann") => ({
  ...push(n, "conversation"),
  data: { conversation_id: "c", change: "participants-added", participants: [user], at_seq },
});
const numbers = (pushes) => pushes.map(({ lane, n }) => `${lane} ${n}`);
const take = (lanes, ...pushes) => numbers(pushes.flatMap((one) => lanes.take(one)));

function lanesAt(positions) {
  const lanes = new Lanes(positions);
  lanes.userId = "ann";
  return lanes;
}

export const units = {
  pushes_in_order_are_delivered_at_once() {
    same(take(lanesAt(), push(1), push(2)), ["sent 1", "sent 2"]);
  },

  known_pushes_are_dropped_and_counted() {
    const lanes = lanesAt({ c: { sent: 5 } });
    same(take(lanes, push(5), push(6), push(6), push(2)), ["sent 6"]);
    same(lanes.dropped, 3);
  },

  pushes_beyond_a_gap_wait_until_the_gap_is_filled() {
    const lanes = lanesAt({ c: { sent: 5 } });
    same(take(lanes, push(8), push(7), push(8)), []);
    same([lanes.holes, lanes.dropped], [true, 1]);
    same(take(lanes, push(6)), ["sent 6", "sent 7", "sent 8"]);
    same(lanes.holes, false);
  },

  gap_holds_back_only_its_conversation() {
    const lanes = lanesAt({ c: { sent: 5, edited: 0 } });
    same(take(lanes, push(7), push(1, "edited"), push(1, "sent", "d")), ["sent 1"]);
    same(take(lanes, push(6)), ["sent 6", "sent 7", "edited 1"]);
  },

  pushes_wait_for_two_gaps() {
    const lanes = lanesAt({ c: { sent: 5, edited: 2 } });
    same(take(lanes, push(7), push(4, "edited"), push(6)), []);
    same(take(lanes, push(3, "edited")), ["sent 6", "sent 7", "edited 3", "edited 4"]);
  },

  unknown_lane_waits_for_a_sync() {
    const lanes = lanesAt();
    same(take(lanes, push(4)), []);
    lanes.asked(false);
    same(numbers(lanes.synced({ c: { sent: 4 } }, true)), ["sent 4"]);
    same(take(lanes, push(5), push(1, "edited")), ["sent 5", "edited 1"]);
  },

  join_sets_the_first_position_even_after_messages() {
    const lanes = lanesAt();
    same(take(lanes, push(9)), []);
    same(take(lanes, joined(3, 8)), ["sent 9", "conversation 3"]);
    same(lanes.vector(), { c: { sent: 9, conversation: 3 } });
  },

  join_of_another_user_sets_no_position() {
    same(take(lanesAt(), joined(3, 8, "bob"), push(9)), []);
  },

  second_join_skips_no_message_in_flight() {
    same(take(lanesAt({ c: { sent: 9, conversation: 3 } }), joined(4, 15), push(10)), ["conversation 4", "sent 10"]);
  },

  sync_closes_gaps_without_own_rows() {
    const lanes = lanesAt({ c: { sent: 5, edited: 2 } });
    same(take(lanes, push(9, "edited")), []);
    lanes.asked(false);
    same(take(lanes, push(5, "edited")), []);
    const released = lanes.synced({ c: { sent: 5, edited: 9 } }, true);
    same(released.map(({ n, healed }) => [n, healed]), [[5, true], [9, false]]);
  },

  rows_of_a_sync_after_a_lost_line_are_marked_healed() {
    const lanes = lanesAt({ c: { sent: 5 } });
    lanes.asked(true);
    same(lanes.take(push(6)).map(({ healed }) => healed), [true]);
    lanes.synced({ c: { sent: 6 } }, true);
    same(lanes.take(push(7)).map(({ healed }) => healed), [false]);
  },

  older_vector_never_lowers_a_position() {
    const lanes = lanesAt({ c: { sent: 5 } });
    lanes.synced({ c: { sent: 3 } }, true);
    same(take(lanes, push(4), push(5), push(6)), ["sent 6"]);
  },

  conversation_missing_in_a_sync_holds_nothing_back() {
    const lanes = lanesAt({ c: { sent: 5 } });
    lanes.take(push(8));
    same(numbers(lanes.synced({}, true)), ["sent 8"]);
  },

  incomplete_sync_closes_only_gaps_up_to_its_positions() {
    const lanes = lanesAt({ c: { sent: 5 } });
    lanes.take(push(9));
    same(lanes.synced({ c: { sent: 7 } }, false), []);
    same(lanes.holes, true);
  },

  positions_precede_held_and_untaken_events() {
    const lanes = lanesAt({ c: { sent: 5, edited: 0 }, d: { sent: 2 } });
    same(take(lanes, push(8), push(6), push(1, "edited"), push(3, "sent", "d")), ["sent 6", "sent 3"]);
    same(lanes.vector(), { c: { sent: 6 }, d: { sent: 3 } });
    lanes.synced({ c: { sent: 7 } }, false);
    same(lanes.vector(), { c: { sent: 8, edited: 1 }, d: { sent: 3 } });
    const queue = new EventQueue();
    for (const one of [push(8), push(1, "edited"), { type: "receipt" }]) queue.put(one);
    same(queue.before(lanes.vector()), { c: { sent: 7, edited: 0 }, d: { sent: 3 } });
  },

  shuffled_and_repeated_pushes_are_delivered_once_in_order() {
    for (let round = 0; round < 200; round += 1) {
      const count = 1 + Math.floor(Math.random() * 30);
      const all = Array.from({ length: count }, (_, place) => place + 1);
      const more = all.filter(() => Math.random() < 0.5);
      const pushes = [...all, ...more].flatMap((n) => [push(n), push(n, "edited")]);
      pushes.sort(() => Math.random() - 0.5);
      const lanes = lanesAt({ c: { sent: 0, edited: 0 } });
      const received = take(lanes, ...pushes);
      for (const lane of ["sent", "edited"]) {
        same(received.filter((one) => one.startsWith(lane)), all.map((n) => `${lane} ${n}`));
      }
      same(lanes.dropped, 2 * more.length);
    }
  },

  commands_are_sequential_per_conversation() {
    const queue = new Queue();
    const [a1, a2, b1] = [said("a", 1), said("a", 2), said("b", 1)];
    for (const command of [a1, a2, b1]) queue.ask(command);
    same([queue.next() === a1, queue.next() === b1, queue.next()], [true, true, null]);
    queue.answered(a1);
    same([queue.next() === a2, queue.next()], [true, null]);
  },

  commands_in_flight_are_limited() {
    const queue = new Queue();
    queue.limit = 3;
    for (let number = 0; number < 5; number += 1) queue.ask(new Command("conversation:list", {}, uuid()));
    const out = [queue.next(), queue.next(), queue.next()];
    same([out.every(Boolean), queue.next()], [true, null]);
    queue.answered(out[1]);
    same([queue.next() !== null, queue.next(), queue.length], [true, null, 4]);
  },

  commands_of_a_lost_line_are_repeated_first() {
    const queue = new Queue();
    const commands = ["a", "b", "a", "c"].map((room) => said(room, 1));
    for (const command of commands) queue.ask(command);
    queue.next();
    queue.next();
    queue.lost();
    const out = [queue.next(), queue.next(), queue.next()];
    same(out.map((command) => commands.indexOf(command)), [0, 1, 3]);
    same(out.map((command) => JSON.parse(command.frame).retry ?? false), [true, true, false]);
  },

  lost_line_of_two_returns_only_its_commands() {
    const queue = new Queue();
    const [a, b] = [said("a", 1), said("b", 1)];
    const [old, next] = [{}, {}];
    queue.ask(a);
    queue.line = old;
    queue.next();
    queue.ask(b);
    queue.line = next;
    queue.next();
    same([queue.flying(old).length, queue.flying(next).length], [1, 1]);
    queue.lost(old);
    same([queue.flying(old).length, queue.flying(next).length, a.retry, b.retry], [0, 1, true, false]);
    same([queue.next() === a, queue.flying(next).length], [true, 2]);
  },

  repeated_command_holds_back_its_conversation() {
    const queue = new Queue();
    const [a1, a2, b1] = [said("a", 1), said("a", 2), said("b", 1)];
    for (const command of [a1, a2, b1]) queue.ask(command);
    queue.again(queue.next());
    same([queue.next() === b1, queue.next()], [true, null]);
    a1.paused = false;
    same([queue.next() === a1, a1.retry, queue.next()], [true, true, null]);
  },

  queries_and_signals_do_not_block_messages() {
    const queue = new Queue();
    const of = (type) => new Command(type, { conversation_id: "a" }, uuid());
    const asked = [said("a", 1), of("message:history"), of("typing:start"), of("typing:stop"), said("a", 2)];
    for (const command of asked) queue.ask(command);
    same([queue.next() === asked[0], queue.next() === asked[1], queue.next() === asked[2]], [true, true, true]);
    same(queue.next(), null);
    queue.answered(asked[2]);
    same([queue.next() === asked[3], queue.next()], [true, null]);
  },

  send_with_wait_for_unblocks_others_once_it_is_received() {
    const queue = new Queue();
    const slow = new Command("message:send", { conversation_id: "a", wait_for: "read" }, "c1");
    const [next, last] = [said("a", 2), said("a", 3)];
    for (const command of [slow, next, last]) queue.ask(command);
    same([queue.next() === slow, queue.next()], [true, null]);
    queue.received("c1");
    same([queue.next() === next, queue.next()], [true, null]);
    queue.lost();
    same([queue.next() === slow, queue.next() === next, queue.next()], [true, true, null]);
  },

  lone_surrogates_are_replaced_everywhere() {
    const data = { text: "a\ud83d b 🍜", metadata: { "k\ud800": ["\udc00", { "\udfff": 1 }], __proto: 1 }, "\ud801": [] };
    same(sendable(data), { text: "a\ufffd b 🍜", metadata: { "k\ufffd": ["\ufffd", { "\ufffd": 1 }], __proto: 1 }, "\ufffd": [] });
    same(Object.keys(sendable(JSON.parse('{"__proto__":{"a":1}}'))), ["__proto__"]);
    same(sendable({ at: new Date(0), gone: undefined, list: [undefined] }), { at: "1970-01-01T00:00:00.000Z", list: [null] });
  },

  invalid_json_values_are_rejected_with_a_pointer() {
    const loop = {};
    loop.loop = loop;
    for (const bad of [NaN, -Infinity, [NaN], 10n, loop, deep(1_500), deep(1_000_000), deep(65)]) {
      let rejection = null;
      try {
        sendable({ text: "a", metadata: { bad } });
      } catch (error) {
        rejection = error;
      }
      same([rejection instanceof CommandError, rejection?.code, rejection?.problem.errors[0].pointer], [true, "validation_failed", "/data/metadata"]);
    }
    sendable({ metadata: deep(64) });
  },

  async invalid_command_fails_and_the_next_is_sent() {
    await sending(async ({ sends, frames, received, storage }) => {
      sends.resume();
      const bad = sends.ask("message:send", { conversation_id: "c", client_msg_id: "k", text: NaN }, true);
      sends.ask("message:send", { conversation_id: "c", client_msg_id: "l", text: "b" }, true);
      same(await bad.answer.catch((error) => error.code), "validation_failed");
      same(frames.map(({ data }) => data.client_msg_id), ["l"]);
      same(received.map(({ type, clientMsgId }) => [type, clientMsgId]), [["pending", "k"], ["failed", "k"], ["pending", "l"]]);
      same(JSON.parse(storage.getItem("q")).length, 1);
    });
  },

  async command_has_the_trace_context_of_when_it_was_asked() {
    let context = "one";
    await sending(async ({ sends, frames }) => {
      sends.ask("message:read", { conversation_id: "c" }, false);
      context = undefined;
      sends.ask("message:read", { conversation_id: "d" }, false);
      sends.resume();
      same(frames.map(({ traceparent }) => traceparent ?? null), ["one", null]);
    }, { traceparent: () => context });
  },

  async invalid_stored_command_is_dropped() {
    const storage = memory();
    const data = { conversation_id: "c", client_msg_id: "k", text: "a", metadata: deep(100) };
    storage.setItem("q", JSON.stringify([{ type: "message:send", data, correlation_id: "x" }]));
    await sending(async ({ sends, received }) => {
      same([sends.unanswered, received.map(({ type }) => type), storage.getItem("q")], [0, ["pending", "failed"], "[]"]);
    }, { storage });
  },

  async error_without_an_id_fails_the_only_command_in_flight() {
    await sending(async ({ sends, frames }) => {
      same(sends.nameless({ code: "invalid_json" }), false);
      sends.resume();
      const [bad, next] = ["k", "l"].map((key) => sends.ask("message:send", { conversation_id: "c", client_msg_id: key }, false));
      same(sends.nameless({ code: "invalid_json" }), true);
      same(await bad.answer.catch((error) => error.code), "invalid_json");
      same(frames.length, 2);
      sends.answered({ id: next.id, data: {} });
      await next.answer;
    });
  },

  async error_without_an_id_fails_the_last_unanswered_command() {
    await sending(async ({ sends }) => {
      sends.resume();
      const [one, bad, two] = ["c", "d", "e"].map((id) => sends.ask("message:send", { conversation_id: id }, false));
      sends.nameless({ code: "invalid_json" });
      const later = sends.ask("message:send", { conversation_id: "f" }, false);
      sends.answered({ id: two.id, data: {} });
      same(sends.unanswered, 3);
      sends.answered({ id: one.id, data: {} });
      same(await bad.answer.catch((error) => error.code), "invalid_json");
      same([sends.unanswered, later.line === bad.line], [1, true]);
    });
  },

  async unanswered_command_is_late_and_fails_after_its_timeout() {
    await sending(async ({ sends }) => {
      sends.resume();
      const { answer } = sends.ask("message:send", { conversation_id: "c" }, false);
      same(sends.late(Date.now() - 1_000), false);
      same([sends.late(Date.now() + 1), sends.unanswered], [true, 1]);
      await until(() => sends.late(Date.now() + 1) && sends.unanswered === 0);
      same(await answer.catch(({ code, problem }) => [code, problem.retry]), ["outcome_unknown", true]);
      same(sends.late(Date.now() + 1), false);
    }, { patience: 50 });
  },

  retryable_error_repeats_with_the_same_keys_and_a_rejection_rejects() {
    return sending(async ({ sends, frames, received }) => {
      const { answer } = sends.ask("message:send", { conversation_id: "a", client_msg_id: "k" }, true);
      sends.resume();
      sends.answered({ id: 1, error: { code: "unavailable", retry: true, retry_after_ms: 1 } });
      await until(() => frames.length === 2);
      same({ ...frames[0], retry: true }, frames[1]);
      sends.answered({ id: 1, error: { code: "not_allowed", retry: false } });
      same(await answer.catch(({ code }) => code), "not_allowed");
      same(received.map(({ type }) => type), ["pending", "failed"]);
    });
  },

  command_fails_after_its_retry_timeout() {
    return sending(async ({ sends, received }) => {
      const { answer } = sends.ask("message:send", { conversation_id: "a", client_msg_id: "k" }, true);
      sends.resume();
      sends.answered({ id: 1, error: { code: "internal", retry: true } });
      same(await answer.catch(({ code }) => code), "internal");
      same(received.at(-1).type, "failed");
    }, { patience: 0 });
  },

  command_beyond_the_maximum_of_waiting_ones_fails() {
    return sending(async ({ sends }) => {
      for (let number = 0; number < 10_000; number += 1) sends.ask("conversation:list", {}, false);
      same(await sends.ask("conversation:list", {}, false).answer.catch(({ code }) => code), "unavailable");
      same(sends.unanswered, 10_000);
    });
  },

  stored_commands_are_sent_first_and_stored_until_answered() {
    return sending(async ({ sends, storage }) => {
      sends.ask("message:send", { conversation_id: "a", client_msg_id: "1" }, true);
      sends.ask("message:edit", { conversation_id: "a" }, false);
      await sending(async ({ sends: later, frames, received }) => {
        same(received.map(({ type, clientMsgId }) => [type, clientMsgId]), [["pending", "1"]]);
        const { answer } = later.ask("message:send", { conversation_id: "a", client_msg_id: "2" }, true);
        later.resume();
        later.answered({ id: 1, data: {} });
        same(frames.map(({ data, retry }) => [data.client_msg_id, retry ?? false]), [["1", true], ["2", false]]);
        same(JSON.parse(storage.getItem("q")).map(({ data }) => data.client_msg_id), ["2"]);
        later.answered({ id: 2, data: {} });
        same([await answer, storage.getItem("q")], [{}, "[]"]);
      }, { storage });
    });
  },

  tabs_share_a_storage_without_conflict() {
    const storage = memory();
    const [one, other] = [new StoredCommands(storage, "q"), new StoredCommands(storage, "q")];
    one.add({ correlation_id: "1" });
    other.add({ correlation_id: "2" });
    one.remove("1");
    same(one.all(), [{ correlation_id: "2" }]);
  },

  broken_storage_loses_only_stored_commands() {
    const fails = () => {
      throw new Error("full");
    };
    const kept = new StoredCommands({ getItem: fails, setItem: fails }, "q");
    kept.add({ correlation_id: "1" });
    same([kept.all(), new StoredCommands({ getItem: () => "{", setItem: fails }, "q").all()], [[], []]);
  },

  sync_without_progress_is_a_reset() {
    const frames = [];
    const received = [];
    const lanes = lanesAt({ c: { sent: 5 } });
    const recovery = new GapRecovery(lanes, (frame) => frames.push(JSON.parse(frame)), (events) => received.push(...events));
    recovery.cameBack();
    recovery.take(push(9));
    recovery.answered({ id: "sync-1", data: { complete: false, positions: { c: { sent: 6 } } } });
    same([frames.length, received], [2, []]);
    recovery.answered({ id: "sync-2", data: { complete: false, positions: { c: { sent: 6 } } } });
    same(received.map(({ type }) => type), ["reset", "x"]);
    recovery.broke();
  },

  sync_too_large_for_a_frame_is_a_reset() {
    const received = [];
    const recovery = new GapRecovery(lanesAt({ c: { sent: 5 } }), () => false, (events) => received.push(...events));
    recovery.cameBack();
    same(received.map(({ type, error }) => [type, error.code]), [["reset", "too_large"]]);
    recovery.broke();
  },

  client_without_positions_syncs_them_until_known() {
    const frames = [];
    const received = [];
    let begun = 0;
    const lanes = lanesAt();
    const send = (frame) => frames.push(JSON.parse(frame).data);
    const recovery = new GapRecovery(lanes, send, (events) => received.push(...events), true, () => (begun += 1));
    recovery.cameBack();
    recovery.broke();
    recovery.cameBack();
    const wanted = { positions: {}, user: 0, tell: false };
    same([frames, begun], [[wanted, wanted], 0]);
    recovery.answered({ id: "sync-2", data: { complete: true, positions: { c: { sent: 7 } }, user: 2 } });
    same([begun, received], [1, []]);
    recovery.take(push(8));
    recovery.take(push(3, "user"));
    same(numbers(received), ["sent 8", "user 3"]);
    recovery.broke();
    recovery.cameBack();
    same([frames[2], begun], [{ positions: { c: { sent: 8 } }, user: 3 }, 2]);
    recovery.broke();
  },

  sync_of_many_conversations_has_parts_that_cover_all_ids() {
    const vector = positionsOf(2 * MAX_CONVERSATIONS + 50);
    const { recovery, asked, synced } = recoveryOf({ ...vector, user: { user: 7 } });
    recovery.cameBack();
    for (let count = 0; count < asked.length; count += 1) synced({ positions: asked[count].positions, user: 7 });
    same(asked.map(({ user }) => user ?? null), [7, null, null]);
    same(asked.map(({ after }) => after ?? null), [null, ...asked.slice(0, -1).map(({ upto }) => upto)]);
    same(asked.at(-1).upto ?? null, null);
    same(Object.assign({}, ...asked.map(({ positions }) => positions)), vector);
    same(asked.every(({ positions }) => Object.keys(positions).length <= MAX_CONVERSATIONS), true);
    recovery.broke();
  },

  too_large_sync_frame_is_split_into_smaller_parts() {
    const { recovery, asked, synced } = recoveryOf(positionsOf(MAX_CONVERSATIONS), 2_000);
    recovery.cameBack();
    for (let count = 0; count < asked.length; count += 1) synced({ positions: {} });
    const named = asked.map(({ positions }) => Object.keys(positions).length);
    same([named.reduce((sum, count) => sum + count), Math.max(...named) < 40], [MAX_CONVERSATIONS, true]);
    recovery.broke();
  },

  incomplete_part_continues_from_its_positions() {
    const { recovery, asked, synced } = recoveryOf(positionsOf(MAX_CONVERSATIONS + 1));
    recovery.cameBack();
    synced({ complete: false, positions: { [conversation(1)]: { sent: 99 } } });
    same([asked[1].after ?? null, asked[1].upto], [null, asked[0].upto]);
    same(asked[1].positions[conversation(1)].sent, 99);
    synced({ positions: {} });
    same([asked[2].after, asked[2].upto ?? null], [asked[0].upto, null]);
    recovery.broke();
  },

  async gap_syncs_only_its_part() {
    const { recovery, asked, synced, received } = recoveryOf(positionsOf(2 * MAX_CONVERSATIONS));
    recovery.take(push(12, "sent", conversation(2 * MAX_CONVERSATIONS)));
    await until(() => asked.length === 1);
    same([asked[0].after, asked[0].user ?? null], [conversation(MAX_CONVERSATIONS), null]);
    synced({ positions: { [conversation(2 * MAX_CONVERSATIONS)]: { sent: 12 } } });
    same([numbers(received), asked.length], [["sent 12"], 1]);
    recovery.broke();
  },

  async gap_in_the_user_lane_blocks_no_conversation_and_is_recovered() {
    const { recovery, asked, synced, received } = recoveryOf({ c: { sent: 5 }, user: { user: 3 } });
    recovery.take(push(6, "user", "x"));
    recovery.take(push(6));
    same(numbers(received), ["sent 6"]);
    await until(() => asked.length === 1);
    same(asked[0].user, 3);
    for (const n of [4, 5, 5]) recovery.take(push(n, "user", "y"));
    synced({ positions: { c: { sent: 6 } }, user: 6 });
    same(received.map(({ n, healed }) => [n, healed]), [[6, false], [4, true], [5, true], [6, false]]);
    recovery.broke();
  },

  positions_that_are_too_high_are_reset_and_synced_from_zero() {
    const { recovery, asked, synced, received, lanes } = recoveryOf({ a: { sent: 9 }, b: { sent: 4 }, user: { user: 8 } });
    recovery.cameBack();
    synced({ positions: { a: { sent: 9 }, b: { sent: 4 } }, user: 8, reset: ["a", "user", "z"] });
    same(received, [{ type: "reset", data: { reset: ["a", "user"] } }]);
    same(asked[1], { positions: { b: { sent: 4 } }, user: 0 });
    for (const n of [1, 2]) recovery.take(push(n, "sent", "a"));
    synced({ positions: { a: { sent: 2 }, b: { sent: 4 } }, user: 0 });
    same(received.slice(1).map(({ n, healed }) => [n, healed]), [[1, true], [2, true]]);
    same([lanes.vector(), asked.length], [{ b: { sent: 4 }, a: { sent: 2 } }, 2]);
    recovery.broke();
  },

  user_lane_position_precedes_untaken_events() {
    const queue = new EventQueue();
    const lanes = lanesAt({ user: { user: 1 } });
    for (const n of [2, 3]) lanes.take(push(n, "user", "x")).forEach((one) => queue.put(one));
    same(queue.before(lanes.vector()), { user: { user: 1 } });
    same(lanesAt({}).vector(), {});
  },

  async presence_is_sent_again_on_each_line_until_it_is_rejected() {
    const frames = [];
    const received = [];
    const write = (frame) => frames.push(JSON.parse(frame));
    const state = new ReconnectState(write, (event) => received.push(event));
    state.remember("presence:set", { status: "away" }, Promise.resolve({}));
    state.remember("presence:set", { status: "gone" }, Promise.reject(new Error("no")));
    state.remember("presence:subscribe", { users: ["bob"] }, Promise.resolve({}));
    state.remember("message:send", {}, Promise.resolve({}));
    await Promise.resolve();
    state.cameBack();
    same(frames.map(({ type, data }) => [type, data]), [
      ["presence:set", { status: "away" }],
      ["presence:subscribe", { users: ["bob"] }],
    ]);
    const bob = { user_id: "bob", status: "online" };
    same(state.answered({ id: frames[1].id, data: { presences: [bob] } }), true);
    same(received, [{ type: "presence", data: bob }]);
    state.answered({ id: frames[0].id, error: { code: "not_ready", retry: true, retry_after_ms: 1 } });
    await until(() => frames.length === 3);
    state.answered({ id: frames[2].id, error: { code: "not_allowed", retry: false } });
    same(state.answered({ id: frames[2].id, data: {} }), false);
    state.broke();
    state.cameBack();
    same(frames.slice(3).map(({ type }) => type), ["presence:subscribe"]);
    state.broke();
  },

  async cursors_of_the_last_queried_conversation_are_queried_on_each_line() {
    const frames = [];
    const received = [];
    const state = new ReconnectState((frame) => frames.push(JSON.parse(frame)), (event) => received.push(event));
    state.remember("conversation:get", { conversation_id: "y" }, Promise.resolve({}));
    state.remember("conversation:get", { conversation_id: "x" }, Promise.resolve({}));
    await Promise.resolve();
    state.cameBack();
    same(frames.map(({ type, data }) => [type, data]), [["conversation:get", { conversation_id: "x" }]]);
    const cursor = { user_id: "bob", read_seq: 2, delivered_seq: 3 };
    const out = { user_id: "cy", present: false, read_seq: null, delivered_seq: null };
    const participants = [{ ...cursor, role: "member", present: true }, out];
    same(state.answered({ id: frames[0].id, data: { conversation_id: "x", participants } }), true);
    same(received, [{ type: "cursors:moved", data: { conversation_id: "x", cursors: [cursor] } }]);
    state.broke();
  },

  async delivery_report_has_the_newest_message_of_others() {
    const said = [];
    const delivering = new DeliveryReports(async (type, data) => said.push([type, data.seq, data.device]), "phone");
    const message = (seq, sender = "bob") => ({ type: "message:new", data: { conversation_id: "c", seq, sender } });
    for (const one of [message(1, "ann"), message(2), message(3), message(4), { type: "receipt" }]) {
      delivering.received(one, "ann");
    }
    same(said, [["message:delivered", 2, "phone"]]);
    await until(() => said.length === 2);
    same(said[1], ["message:delivered", 4, "phone"]);
  },

  positions_of_many_conversations_are_synced_until_complete() {
    const frames = [];
    let begun = 0;
    const send = (frame) => frames.push(JSON.parse(frame).data);
    const recovery = new GapRecovery(lanesAt(), send, () => {}, true, () => (begun += 1));
    recovery.cameBack();
    recovery.answered({ id: "sync-1", data: { complete: false, positions: { b: { sent: 7 }, a: {} }, user: 2 } });
    same([frames[1], begun], [{ positions: {}, after: "b", tell: false }, 0]);
    recovery.answered({ id: "sync-2", data: { complete: true, positions: { c: { sent: 1 } } } });
    same(begun, 1);
    recovery.broke();
  },

  failed_sync_is_repeated() {
    const frames = [];
    const recovery = new GapRecovery(lanesAt(), (frame) => frames.push(JSON.parse(frame)), () => {});
    recovery.cameBack();
    same(recovery.answered({ id: "sync-1", error: { code: "unavailable", retry: true, retry_after_ms: 1 } }), true);
    return until(() => frames.length === 2).then(() => recovery.broke());
  },

  async full_event_queue_has_room_after_half_is_taken() {
    const queue = new EventQueue(4);
    for (let number = 1; number <= 4; number += 1) queue.put(number);
    let room = false;
    queue.room().then(() => (room = true));
    same(queue.full, true);
    const events = queue.take();
    same([(await events.next()).value, queue.full, room], [1, false, false]);
    same((await events.next()).value, 2);
    await until(() => room);
    queue.close(null);
    same([(await events.next()).value, (await events.next()).value, (await events.next()).done], [3, 4, true]);
  },

  async addresses_are_tried_in_turn_and_fetched_again_when_all_fail() {
    let asked = 0;
    const access = new Access(async () => ({ token: `t${(asked += 1)}`, socket_urls: ["a", "b"] }));
    const tried = [];
    for (let number = 0; number < 4; number += 1) tried.push(Object.values(await access.next()).join(" "));
    same(tried, ["a t1", "b t1", "a t1", "b t2"]);
    access.worked();
    same([(await access.next()).token, asked], ["t2", 2]);
    access.expired();
    same((await access.next()).token, "t3");
  },

  async token_is_replaced_before_it_expires() {
    let asked = 0;
    const access = new Access(async () => ({ token: `t${(asked += 1)}`, socket_urls: ["a"], expires_in: 0.001 }));
    await access.next();
    await until(async () => (await access.next()).token !== "t1");
  },

  pauses_double_up_to_a_maximum_with_full_jitter() {
    const longest = [0, 1, 2, 10, 50].map((failures) => pauseAfter(failures, 5_000, () => 1));
    same(longest, [100, 200, 400, 5_000, 5_000]);
    same(pauseAfter(50, 5_000, () => 0), 0);
  },

  line_closed_for_a_flood_reconnects_after_at_least_one_second() {
    same(pauseAfterClose(4429, 0, 800, () => 0), 1_000);
    same(pauseAfterClose(4429, 0, 800, () => 1), 2_000);
    same(pauseAfterClose(4429, 50, 800, () => 1), 10_000);
    same(pauseAfterClose(1006, 0, 800, () => 0), 0);
  },

  client_reconnects_by_close_code() {
    const codes = [null, 1000, 1001, 1003, 1005, 1006, 1009, 1011, 1012, 1013, 3999, 4000, 4401, 4499, 4500, 4999];
    same(codes.filter(comesBack), [null, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4401, 4499]);
  },

  error_names_the_wrong_fields() {
    const errors = [{ pointer: "/data/text", code: "type" }];
    const said = [{ code: "validation_failed", detail: "no text", errors }, { code: "not_found", detail: "gone", errors: null }];
    same(said.map((problem) => new CommandError(problem).message), ["validation_failed: no text (/data/text)", "not_found: gone"]);
  },

  async token_valid_for_a_year_is_not_renewed_at_once() {
    const { WebSocket: real } = globalThis;
    const sent = [];
    class Socket extends EventTarget {
      static OPEN = 1;
      readyState = 1;
      send = (frame) => sent.push(frame);
      close() {}
      emit = (frame) => this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
    }
    let socket;
    globalThis.WebSocket = function () {
      return (socket = new Socket());
    };
    globalThis.WebSocket.OPEN = Socket.OPEN;
    try {
      const line = new Line("ws://nowhere", "t", () => {}, async () => "t");
      socket.emit({ type: "hello", data: { heartbeat_ms: 60_000 } });
      socket.emit({ type: "ack", id: "auth", data: { expires_in: 365 * 86_400 } });
      await new Promise((resolve) => setTimeout(resolve, 100));
      line.drop();
    } finally {
      globalThis.WebSocket = real;
    }
    same(sent, []);
  },

  ids_are_uuids_and_differ() {
    const ids = Array.from({ length: 100 }, uuid);
    same(new Set(ids).size, 100);
    same(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)), true);
  },
};

function conversation(number) {
  return `00000000-0000-5000-8000-${`${number}`.padStart(12, "0")}`;
}

function positionsOf(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, place) => [conversation(place + 1), { sent: 10 }]));
}

function recoveryOf(vector, limit = Infinity) {
  const asked = [];
  const received = [];
  const lanes = lanesAt(vector);
  const send = (frame) => frame.length <= limit && asked.push(JSON.parse(frame).data) > 0;
  const recovery = new GapRecovery(lanes, send, (events) => received.push(...events));
  const synced = (data) => recovery.answered({ id: `sync-${asked.length}`, data: { complete: true, ...data } });
  return { recovery, asked, synced, received, lanes };
}

function said(room, key) {
  return new Command("message:send", { conversation_id: room, client_msg_id: `${key}` }, uuid());
}

function deep(levels) {
  let found = 1;
  for (let level = 1; level < levels; level += 1) found = [found];
  return { found };
}

function memory() {
  const found = new Map();
  return { getItem: (key) => found.get(key) ?? null, setItem: (key, value) => found.set(key, value) };
}

async function sending(check, { storage = memory(), patience = 1_000, traceparent } = {}) {
  const frames = [];
  const received = [];
  const write = (frame) => frames.push(JSON.parse(frame));
  const sends = new Sending(new StoredCommands(storage, "q"), patience, write, (event) => received.push(event), traceparent);
  await check({ sends, storage, frames, received });
}

async function until(check) {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within 5 s: ${check}`);
}
