// The parts of the client that need no line; each function is a test, and throws where it fails.

const at = new URLSearchParams(location.search).get("client").replace(/caas\.js$/, "");
const load = (name) => import(at + name);
const { Lanes } = await load("lanes.js");
const { Line } = await load("line.js");
const { Command, Queue } = await load("queue.js");
const { Kept } = await load("kept.js");
const { Sending } = await load("sending.js");
const { Inbox } = await load("inbox.js");
const { Access } = await load("access.js");
const { pauseAfter, pauseAfterClose } = await load("backoff.js");
const { CommandError, comesBack } = await load("errors.js");
const { Healing } = await load("healing.js");
const { uuid } = await load("ids.js");
const { MOST } = await load("parts.js");
const { sendable } = await load("sendable.js");
const { Session } = await load("session.js");
const { Delivering } = await load("delivering.js");

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

function standing(positions) {
  const lanes = new Lanes(positions);
  lanes.userId = "ann";
  return lanes;
}

export const units = {
  what_comes_in_order_is_handed_out_at_once() {
    same(take(standing(), push(1), push(2)), ["sent 1", "sent 2"]);
  },

  what_was_seen_is_dropped_and_counted() {
    const lanes = standing({ c: { sent: 5 } });
    same(take(lanes, push(5), push(6), push(6), push(2)), ["sent 6"]);
    same(lanes.dropped, 3);
  },

  what_lies_beyond_a_hole_waits_until_the_hole_is_filled() {
    const lanes = standing({ c: { sent: 5 } });
    same(take(lanes, push(8), push(7), push(8)), []);
    same([lanes.holes, lanes.dropped], [true, 1]);
    same(take(lanes, push(6)), ["sent 6", "sent 7", "sent 8"]);
    same(lanes.holes, false);
  },

  a_hole_holds_back_its_conversation_and_no_other() {
    const lanes = standing({ c: { sent: 5, edited: 0 } });
    same(take(lanes, push(7), push(1, "edited"), push(1, "sent", "d")), ["sent 1"]);
    same(take(lanes, push(6)), ["sent 6", "sent 7", "edited 1"]);
  },

  two_holes_are_both_waited_for() {
    const lanes = standing({ c: { sent: 5, edited: 2 } });
    same(take(lanes, push(7), push(4, "edited"), push(6)), []);
    same(take(lanes, push(3, "edited")), ["sent 6", "sent 7", "edited 3", "edited 4"]);
  },

  a_lane_that_is_not_known_waits_for_a_sync() {
    const lanes = standing();
    same(take(lanes, push(4)), []);
    lanes.asked(false);
    same(numbers(lanes.synced({ c: { sent: 4 } }, true)), ["sent 4"]);
    same(take(lanes, push(5), push(1, "edited")), ["sent 5", "edited 1"]);
  },

  the_notice_of_joining_says_where_the_messages_begin_even_when_it_comes_after_them() {
    const lanes = standing();
    same(take(lanes, push(9)), []);
    same(take(lanes, joined(3, 8)), ["sent 9", "conversation 3"]);
    same(lanes.vector(), { c: { sent: 9, conversation: 3 } });
  },

  somebody_elses_joining_says_nothing_of_ours() {
    same(take(standing(), joined(3, 8, "bob"), push(9)), []);
  },

  joining_again_never_skips_what_is_still_under_way() {
    same(take(standing({ c: { sent: 9, conversation: 3 } }), joined(4, 15), push(10)), ["conversation 4", "sent 10"]);
  },

  a_sync_closes_holes_in_which_nothing_of_ours_was() {
    const lanes = standing({ c: { sent: 5, edited: 2 } });
    same(take(lanes, push(9, "edited")), []);
    lanes.asked(false);
    same(take(lanes, push(5, "edited")), []);
    const released = lanes.synced({ c: { sent: 5, edited: 9 } }, true);
    same(released.map(({ n, healed }) => [n, healed]), [[5, true], [9, false]]);
  },

  what_a_sync_brings_after_a_lost_line_is_healed() {
    const lanes = standing({ c: { sent: 5 } });
    lanes.asked(true);
    same(lanes.take(push(6)).map(({ healed }) => healed), [true]);
    lanes.synced({ c: { sent: 6 } }, true);
    same(lanes.take(push(7)).map(({ healed }) => healed), [false]);
  },

  an_older_vector_never_takes_a_position_back() {
    const lanes = standing({ c: { sent: 5 } });
    lanes.synced({ c: { sent: 3 } }, true);
    same(take(lanes, push(4), push(5), push(6)), ["sent 6"]);
  },

  a_conversation_the_node_no_longer_speaks_of_holds_nothing_back() {
    const lanes = standing({ c: { sent: 5 } });
    lanes.take(push(8));
    same(numbers(lanes.synced({}, true)), ["sent 8"]);
  },

  a_sync_that_is_not_complete_closes_only_what_it_told() {
    const lanes = standing({ c: { sent: 5 } });
    lanes.take(push(9));
    same(lanes.synced({ c: { sent: 7 } }, false), []);
    same(lanes.holes, true);
  },

  where_a_client_stands_lies_before_what_it_holds_and_before_what_nobody_took() {
    const lanes = standing({ c: { sent: 5, edited: 0 }, d: { sent: 2 } });
    same(take(lanes, push(8), push(6), push(1, "edited"), push(3, "sent", "d")), ["sent 6", "sent 3"]);
    same(lanes.vector(), { c: { sent: 6 }, d: { sent: 3 } });
    lanes.synced({ c: { sent: 7 } }, false);
    same(lanes.vector(), { c: { sent: 8, edited: 1 }, d: { sent: 3 } });
    const inbox = new Inbox();
    for (const one of [push(8), push(1, "edited"), { type: "receipt" }]) inbox.put(one);
    same(inbox.before(lanes.vector()), { c: { sent: 7, edited: 0 }, d: { sent: 3 } });
  },

  in_any_order_with_any_repeats_each_is_handed_out_once_in_order() {
    for (let round = 0; round < 200; round += 1) {
      const count = 1 + Math.floor(Math.random() * 30);
      const all = Array.from({ length: count }, (_, place) => place + 1);
      const more = all.filter(() => Math.random() < 0.5);
      const pushes = [...all, ...more].flatMap((n) => [push(n), push(n, "edited")]);
      pushes.sort(() => Math.random() - 0.5);
      const lanes = standing({ c: { sent: 0, edited: 0 } });
      const told = take(lanes, ...pushes);
      for (const lane of ["sent", "edited"]) {
        same(told.filter((one) => one.startsWith(lane)), all.map((n) => `${lane} ${n}`));
      }
      same(lanes.dropped, 2 * more.length);
    }
  },

  commands_of_a_conversation_go_one_after_the_other_and_those_of_others_beside() {
    const queue = new Queue();
    const [a1, a2, b1] = [said("a", 1), said("a", 2), said("b", 1)];
    for (const command of [a1, a2, b1]) queue.ask(command);
    same([queue.next() === a1, queue.next() === b1, queue.next()], [true, true, null]);
    queue.answered(a1);
    same([queue.next() === a2, queue.next()], [true, null]);
  },

  no_more_than_the_limit_are_on_the_line() {
    const queue = new Queue();
    queue.limit = 3;
    for (let number = 0; number < 5; number += 1) queue.ask(new Command("conversation:list", {}, uuid()));
    const out = [queue.next(), queue.next(), queue.next()];
    same([out.every(Boolean), queue.next()], [true, null]);
    queue.answered(out[1]);
    same([queue.next() !== null, queue.next(), queue.length], [true, null, 4]);
  },

  what_was_on_a_lost_line_goes_out_first_and_as_a_repeat() {
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

  of_two_lines_the_one_that_is_lost_takes_its_own_commands_with_it() {
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

  a_command_that_must_be_repeated_holds_back_its_conversation() {
    const queue = new Queue();
    const [a1, a2, b1] = [said("a", 1), said("a", 2), said("b", 1)];
    for (const command of [a1, a2, b1]) queue.ask(command);
    queue.again(queue.next());
    same([queue.next() === b1, queue.next()], [true, null]);
    a1.paused = false;
    same([queue.next() === a1, a1.retry, queue.next()], [true, true, null]);
  },

  a_query_and_a_signal_hold_back_no_message_and_wait_for_none() {
    const queue = new Queue();
    const of = (type) => new Command(type, { conversation_id: "a" }, uuid());
    const asked = [said("a", 1), of("message:history"), of("typing:start"), of("typing:stop"), said("a", 2)];
    for (const command of asked) queue.ask(command);
    same([queue.next() === asked[0], queue.next() === asked[1], queue.next() === asked[2]], [true, true, true]);
    same(queue.next(), null);
    queue.answered(asked[2]);
    same([queue.next() === asked[3], queue.next()], [true, null]);
  },

  what_waits_for_more_than_its_acceptance_lets_others_go_once_it_was_told() {
    const queue = new Queue();
    const slow = new Command("message:send", { conversation_id: "a", wait_for: "read" }, "c1");
    const [next, last] = [said("a", 2), said("a", 3)];
    for (const command of [slow, next, last]) queue.ask(command);
    same([queue.next() === slow, queue.next()], [true, null]);
    queue.told("c1");
    same([queue.next() === next, queue.next()], [true, null]);
    queue.lost();
    same([queue.next() === slow, queue.next() === next, queue.next()], [true, true, null]);
  },

  halves_of_characters_are_replaced_wherever_they_stand() {
    const data = { text: "a\ud83d b 🍜", metadata: { "k\ud800": ["\udc00", { "\udfff": 1 }], __proto: 1 }, "\ud801": [] };
    same(sendable(data), { text: "a\ufffd b 🍜", metadata: { "k\ufffd": ["\ufffd", { "\ufffd": 1 }], __proto: 1 }, "\ufffd": [] });
    same(Object.keys(sendable(JSON.parse('{"__proto__":{"a":1}}'))), ["__proto__"]);
    same(sendable({ at: new Date(0), gone: undefined, list: [undefined] }), { at: "1970-01-01T00:00:00.000Z", list: [null] });
  },

  what_is_no_json_is_refused_and_named() {
    const loop = {};
    loop.loop = loop;
    for (const bad of [NaN, -Infinity, [NaN], 10n, loop, deep(1_500), deep(1_000_000), deep(65)]) {
      let no = null;
      try {
        sendable({ text: "a", metadata: { bad } });
      } catch (error) {
        no = error;
      }
      same([no instanceof CommandError, no?.code, no?.problem.errors[0].pointer], [true, "validation_failed", "/data/metadata"]);
    }
    sendable({ metadata: deep(64) });
  },

  async what_no_node_could_read_fails_and_the_next_goes_out() {
    await sending(async ({ sends, frames, told, storage }) => {
      sends.resume();
      const bad = sends.ask("message:send", { conversation_id: "c", client_msg_id: "k", text: NaN }, true);
      sends.ask("message:send", { conversation_id: "c", client_msg_id: "l", text: "b" }, true);
      same(await bad.answer.catch((error) => error.code), "validation_failed");
      same(frames.map(({ data }) => data.client_msg_id), ["l"]);
      same(told.map(({ type, clientMsgId }) => [type, clientMsgId]), [["pending", "k"], ["failed", "k"], ["pending", "l"]]);
      same(JSON.parse(storage.getItem("q")).length, 1);
    });
  },

  async what_an_earlier_page_kept_and_no_node_could_read_is_let_go() {
    const storage = memory();
    const data = { conversation_id: "c", client_msg_id: "k", text: "a", metadata: deep(100) };
    storage.setItem("q", JSON.stringify([{ type: "message:send", data, correlation_id: "x" }]));
    await sending(async ({ sends, told }) => {
      same([sends.unanswered, told.map(({ type }) => type), storage.getItem("q")], [0, ["pending", "failed"], "[]"]);
    }, { storage });
  },

  async an_error_without_an_id_fails_the_only_command_on_the_line() {
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

  async an_error_without_an_id_fails_what_is_left_without_another_answer() {
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

  async what_nobody_answers_is_late_and_fails_when_patience_is_over() {
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

  an_error_worth_a_repeat_is_repeated_under_the_same_keys_and_a_no_rejects() {
    return sending(async ({ sends, frames, told }) => {
      const { answer } = sends.ask("message:send", { conversation_id: "a", client_msg_id: "k" }, true);
      sends.resume();
      sends.answered({ id: 1, error: { code: "unavailable", retry: true, retry_after_ms: 1 } });
      await until(() => frames.length === 2);
      same({ ...frames[0], retry: true }, frames[1]);
      sends.answered({ id: 1, error: { code: "not_allowed", retry: false } });
      same(await answer.catch(({ code }) => code), "not_allowed");
      same(told.map(({ type }) => type), ["pending", "failed"]);
    });
  },

  who_is_patient_no_more_is_told() {
    return sending(async ({ sends, told }) => {
      const { answer } = sends.ask("message:send", { conversation_id: "a", client_msg_id: "k" }, true);
      sends.resume();
      sends.answered({ id: 1, error: { code: "internal", retry: true } });
      same(await answer.catch(({ code }) => code), "internal");
      same(told.at(-1).type, "failed");
    }, { patience: 0 });
  },

  who_asks_more_than_may_wait_is_told() {
    return sending(async ({ sends }) => {
      for (let number = 0; number < 10_000; number += 1) sends.ask("conversation:list", {}, false);
      same(await sends.ask("conversation:list", {}, false).answer.catch(({ code }) => code), "unavailable");
      same(sends.unanswered, 10_000);
    });
  },

  what_is_kept_goes_out_first_on_the_next_page_and_is_kept_until_it_is_answered() {
    return sending(async ({ sends, storage }) => {
      sends.ask("message:send", { conversation_id: "a", client_msg_id: "1" }, true);
      sends.ask("message:edit", { conversation_id: "a" }, false);
      await sending(async ({ sends: later, frames, told }) => {
        same(told.map(({ type, clientMsgId }) => [type, clientMsgId]), [["pending", "1"]]);
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

  two_tabs_keep_what_is_theirs_in_one_storage() {
    const storage = memory();
    const [one, other] = [new Kept(storage, "q"), new Kept(storage, "q")];
    one.add({ correlation_id: "1" });
    other.add({ correlation_id: "2" });
    one.remove("1");
    same(one.all(), [{ correlation_id: "2" }]);
  },

  a_storage_that_is_broken_costs_only_what_it_was_to_keep() {
    const fails = () => {
      throw new Error("full");
    };
    const kept = new Kept({ getItem: fails, setItem: fails }, "q");
    kept.add({ correlation_id: "1" });
    same([kept.all(), new Kept({ getItem: () => "{", setItem: fails }, "q").all()], [[], []]);
  },

  a_sync_that_does_not_move_is_a_reset() {
    const frames = [];
    const told = [];
    const lanes = standing({ c: { sent: 5 } });
    const healing = new Healing(lanes, (frame) => frames.push(JSON.parse(frame)), (events) => told.push(...events));
    healing.cameBack();
    healing.take(push(9));
    healing.answered({ id: "sync-1", data: { complete: false, positions: { c: { sent: 6 } } } });
    same([frames.length, told], [2, []]);
    healing.answered({ id: "sync-2", data: { complete: false, positions: { c: { sent: 6 } } } });
    same(told.map(({ type }) => type), ["reset", "x"]);
    healing.broke();
  },

  a_sync_that_is_too_large_for_a_frame_is_a_reset() {
    const told = [];
    const healing = new Healing(standing({ c: { sent: 5 } }), () => false, (events) => told.push(...events));
    healing.cameBack();
    same(told.map(({ type, error }) => [type, error.code]), [["reset", "too_large"]]);
    healing.broke();
  },

  a_client_without_positions_asks_where_its_lanes_begin_until_it_knows() {
    const frames = [];
    const told = [];
    let begun = 0;
    const lanes = standing();
    const send = (frame) => frames.push(JSON.parse(frame).data);
    const healing = new Healing(lanes, send, (events) => told.push(...events), true, () => (begun += 1));
    healing.cameBack();
    healing.broke();
    healing.cameBack();
    const wanted = { positions: {}, user: 0, tell: false };
    same([frames, begun], [[wanted, wanted], 0]);
    healing.answered({ id: "sync-2", data: { complete: true, positions: { c: { sent: 7 } }, user: 2 } });
    same([begun, told], [1, []]);
    healing.take(push(8));
    healing.take(push(3, "user"));
    same(numbers(told), ["sent 8", "user 3"]);
    healing.broke();
    healing.cameBack();
    same([frames[2], begun], [{ positions: { c: { sent: 8 } }, user: 3 }, 2]);
    healing.broke();
  },

  many_conversations_are_asked_of_in_parts_that_leave_no_id_out() {
    const vector = standingIn(2 * MOST + 50);
    const { healing, asked, synced } = healer({ ...vector, user: { user: 7 } });
    healing.cameBack();
    for (let count = 0; count < asked.length; count += 1) synced({ positions: asked[count].positions, user: 7 });
    same(asked.map(({ user }) => user ?? null), [7, null, null]);
    same(asked.map(({ after }) => after ?? null), [null, ...asked.slice(0, -1).map(({ upto }) => upto)]);
    same(asked.at(-1).upto ?? null, null);
    same(Object.assign({}, ...asked.map(({ positions }) => positions)), vector);
    same(asked.every(({ positions }) => Object.keys(positions).length <= MOST), true);
    healing.broke();
  },

  a_frame_that_no_node_would_take_is_asked_in_smaller_parts() {
    const { healing, asked, synced } = healer(standingIn(MOST), 2_000);
    healing.cameBack();
    for (let count = 0; count < asked.length; count += 1) synced({ positions: {} });
    const named = asked.map(({ positions }) => Object.keys(positions).length);
    same([named.reduce((sum, count) => sum + count), Math.max(...named) < 40], [MOST, true]);
    healing.broke();
  },

  a_part_that_is_not_complete_is_asked_again_from_where_it_came_to() {
    const { healing, asked, synced } = healer(standingIn(MOST + 1));
    healing.cameBack();
    synced({ complete: false, positions: { [conversation(1)]: { sent: 99 } } });
    same([asked[1].after ?? null, asked[1].upto], [null, asked[0].upto]);
    same(asked[1].positions[conversation(1)].sent, 99);
    synced({ positions: {} });
    same([asked[2].after, asked[2].upto ?? null], [asked[0].upto, null]);
    healing.broke();
  },

  async for_a_hole_only_the_part_that_has_it_is_asked_of() {
    const { healing, asked, synced, told } = healer(standingIn(2 * MOST));
    healing.take(push(12, "sent", conversation(2 * MOST)));
    await until(() => asked.length === 1);
    same([asked[0].after, asked[0].user ?? null], [conversation(MOST), null]);
    synced({ positions: { [conversation(2 * MOST)]: { sent: 12 } } });
    same([numbers(told), asked.length], [["sent 12"], 1]);
    healing.broke();
  },

  async a_hole_in_ones_own_lane_holds_back_no_conversation_and_is_healed() {
    const { healing, asked, synced, told } = healer({ c: { sent: 5 }, user: { user: 3 } });
    healing.take(push(6, "user", "x"));
    healing.take(push(6));
    same(numbers(told), ["sent 6"]);
    await until(() => asked.length === 1);
    same(asked[0].user, 3);
    for (const n of [4, 5, 5]) healing.take(push(n, "user", "y"));
    synced({ positions: { c: { sent: 6 } }, user: 6 });
    same(told.map(({ n, healed }) => [n, healed]), [[6, false], [4, true], [5, true], [6, false]]);
    healing.broke();
  },

  positions_that_say_too_much_are_forgotten_and_asked_anew_from_nothing() {
    const { healing, asked, synced, told, lanes } = healer({ a: { sent: 9 }, b: { sent: 4 }, user: { user: 8 } });
    healing.cameBack();
    synced({ positions: { a: { sent: 9 }, b: { sent: 4 } }, user: 8, reset: ["a", "user", "z"] });
    same(told, [{ type: "reset", data: { reset: ["a", "user"] } }]);
    same(asked[1], { positions: { b: { sent: 4 } }, user: 0 });
    for (const n of [1, 2]) healing.take(push(n, "sent", "a"));
    synced({ positions: { a: { sent: 2 }, b: { sent: 4 } }, user: 0 });
    same(told.slice(1).map(({ n, healed }) => [n, healed]), [[1, true], [2, true]]);
    same([lanes.vector(), asked.length], [{ b: { sent: 4 }, a: { sent: 2 } }, 2]);
    healing.broke();
  },

  where_a_page_stands_in_its_own_lane_lies_before_what_nobody_took() {
    const inbox = new Inbox();
    const lanes = standing({ user: { user: 1 } });
    for (const n of [2, 3]) lanes.take(push(n, "user", "x")).forEach((one) => inbox.put(one));
    same(inbox.before(lanes.vector()), { user: { user: 1 } });
    same(standing({}).vector(), {});
  },

  async presence_is_asked_again_on_each_line_until_it_is_refused() {
    const frames = [];
    const told = [];
    const write = (frame) => frames.push(JSON.parse(frame));
    const session = new Session(write, (event) => told.push(event));
    session.remember("presence:set", { status: "away" }, Promise.resolve({}));
    session.remember("presence:set", { status: "gone" }, Promise.reject(new Error("no")));
    session.remember("presence:subscribe", { users: ["bob"] }, Promise.resolve({}));
    session.remember("message:send", {}, Promise.resolve({}));
    await Promise.resolve();
    session.cameBack();
    same(frames.map(({ type, data }) => [type, data]), [
      ["presence:set", { status: "away" }],
      ["presence:subscribe", { users: ["bob"] }],
    ]);
    const bob = { user_id: "bob", status: "online" };
    same(session.answered({ id: frames[1].id, data: { presences: [bob] } }), true);
    same(told, [{ type: "presence", data: bob }]);
    session.answered({ id: frames[0].id, error: { code: "not_ready", retry: true, retry_after_ms: 1 } });
    await until(() => frames.length === 3);
    session.answered({ id: frames[2].id, error: { code: "not_allowed", retry: false } });
    same(session.answered({ id: frames[2].id, data: {} }), false);
    session.broke();
    session.cameBack();
    same(frames.slice(3).map(({ type }) => type), ["presence:subscribe"]);
    session.broke();
  },

  async cursors_of_the_conversation_asked_about_last_are_asked_again_on_each_line() {
    const frames = [];
    const told = [];
    const session = new Session((frame) => frames.push(JSON.parse(frame)), (event) => told.push(event));
    session.remember("conversation:get", { conversation_id: "y" }, Promise.resolve({}));
    session.remember("conversation:get", { conversation_id: "x" }, Promise.resolve({}));
    await Promise.resolve();
    session.cameBack();
    same(frames.map(({ type, data }) => [type, data]), [["conversation:get", { conversation_id: "x" }]]);
    const cursor = { user_id: "bob", read_seq: 2, delivered_seq: 3 };
    const out = { user_id: "cy", present: false, read_seq: null, delivered_seq: null };
    const participants = [{ ...cursor, role: "member", present: true }, out];
    same(session.answered({ id: frames[0].id, data: { conversation_id: "x", participants } }), true);
    same(told, [{ type: "cursors:moved", data: { conversation_id: "x", cursors: [cursor] } }]);
    session.broke();
  },

  async what_arrived_is_said_the_newest_and_of_others_alone() {
    const said = [];
    const delivering = new Delivering(async (type, data) => said.push([type, data.seq, data.device]), "phone");
    const message = (seq, sender = "bob") => ({ type: "message:new", data: { conversation_id: "c", seq, sender } });
    for (const one of [message(1, "ann"), message(2), message(3), message(4), { type: "receipt" }]) {
      delivering.told(one, "ann");
    }
    same(said, [["message:delivered", 2, "phone"]]);
    await until(() => said.length === 2);
    same(said[1], ["message:delivered", 4, "phone"]);
  },

  where_many_conversations_begin_is_asked_until_all_of_it_is_known() {
    const frames = [];
    let begun = 0;
    const send = (frame) => frames.push(JSON.parse(frame).data);
    const healing = new Healing(standing(), send, () => {}, true, () => (begun += 1));
    healing.cameBack();
    healing.answered({ id: "sync-1", data: { complete: false, positions: { b: { sent: 7 }, a: {} }, user: 2 } });
    same([frames[1], begun], [{ positions: {}, after: "b", tell: false }, 0]);
    healing.answered({ id: "sync-2", data: { complete: true, positions: { c: { sent: 1 } } } });
    same(begun, 1);
    healing.broke();
  },

  a_sync_that_fails_is_asked_again() {
    const frames = [];
    const healing = new Healing(standing(), (frame) => frames.push(JSON.parse(frame)), () => {});
    healing.cameBack();
    same(healing.answered({ id: "sync-1", error: { code: "unavailable", retry: true, retry_after_ms: 1 } }), true);
    return until(() => frames.length === 2).then(() => healing.broke());
  },

  async a_full_inbox_has_room_once_half_of_it_was_taken() {
    const inbox = new Inbox(4);
    for (let number = 1; number <= 4; number += 1) inbox.put(number);
    let room = false;
    inbox.room().then(() => (room = true));
    same(inbox.full, true);
    const events = inbox.take();
    same([(await events.next()).value, inbox.full, room], [1, false, false]);
    same((await events.next()).value, 2);
    await until(() => room);
    inbox.close(null);
    same([(await events.next()).value, (await events.next()).value, (await events.next()).done], [3, 4, true]);
  },

  async addresses_are_tried_in_turn_and_asked_for_anew_when_nobody_answers() {
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

  async a_token_is_replaced_before_it_expires() {
    let asked = 0;
    const access = new Access(async () => ({ token: `t${(asked += 1)}`, socket_urls: ["a"], expires_in: 0.001 }));
    await access.next();
    await until(async () => (await access.next()).token !== "t1");
  },

  pauses_double_up_to_the_longest_with_full_jitter() {
    const longest = [0, 1, 2, 10, 50].map((failures) => pauseAfter(failures, 5_000, () => 1));
    same(longest, [100, 200, 400, 5_000, 5_000]);
    same(pauseAfter(50, 5_000, () => 0), 0);
  },

  a_line_that_was_closed_for_too_much_comes_back_after_a_second_or_more() {
    same(pauseAfterClose(4429, 0, 800, () => 0), 1_000);
    same(pauseAfterClose(4429, 0, 800, () => 1), 2_000);
    same(pauseAfterClose(4429, 50, 800, () => 1), 10_000);
    same(pauseAfterClose(1006, 0, 800, () => 0), 0);
  },

  a_client_comes_back_as_the_close_codes_say() {
    const codes = [null, 1000, 1001, 1003, 1005, 1006, 1009, 1011, 1012, 1013, 3999, 4000, 4401, 4499, 4500, 4999];
    same(codes.filter(comesBack), [null, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4401, 4499]);
  },

  an_error_names_the_fields_that_are_wrong() {
    const errors = [{ pointer: "/data/text", code: "type" }];
    const said = [{ code: "validation_failed", detail: "no text", errors }, { code: "not_found", detail: "gone", errors: null }];
    same(said.map((problem) => new CommandError(problem).message), ["validation_failed: no text (/data/text)", "not_found: gone"]);
  },

  async a_token_that_is_good_for_a_year_is_not_renewed_at_once() {
    const { WebSocket: real } = globalThis;
    const sent = [];
    class Socket extends EventTarget {
      static OPEN = 1;
      readyState = 1;
      send = (frame) => sent.push(frame);
      close() {}
      says = (frame) => this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
    }
    let socket;
    globalThis.WebSocket = function () {
      return (socket = new Socket());
    };
    globalThis.WebSocket.OPEN = Socket.OPEN;
    try {
      const line = new Line("ws://nowhere", "t", () => {}, async () => "t");
      socket.says({ type: "hello", data: { heartbeat_ms: 60_000 } });
      socket.says({ type: "ack", id: "auth", data: { expires_in: 365 * 86_400 } });
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

function standingIn(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, place) => [conversation(place + 1), { sent: 10 }]));
}

function healer(vector, limit = Infinity) {
  const asked = [];
  const told = [];
  const lanes = standing(vector);
  const send = (frame) => frame.length <= limit && asked.push(JSON.parse(frame).data) > 0;
  const healing = new Healing(lanes, send, (events) => told.push(...events));
  const synced = (data) => healing.answered({ id: `sync-${asked.length}`, data: { complete: true, ...data } });
  return { healing, asked, synced, told, lanes };
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

async function sending(check, { storage = memory(), patience = 1_000 } = {}) {
  const frames = [];
  const told = [];
  const write = (frame) => frames.push(JSON.parse(frame));
  const sends = new Sending(new Kept(storage, "q"), patience, write, (event) => told.push(event));
  await check({ sends, storage, frames, told });
}

async function until(check) {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within 5 s: ${check}`);
}
