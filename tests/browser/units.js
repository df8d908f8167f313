// The parts of the client that need no line; each function is a test, and throws where it fails.

const at = new URLSearchParams(location.search).get("client").replace(/caas\.js$/, "");
const load = (name) => import(at + name);
const { Lanes } = await load("lanes.js");
const { Command, Queue } = await load("queue.js");
const { Kept } = await load("kept.js");
const { Sending } = await load("sending.js");
const { Inbox } = await load("inbox.js");
const { Access } = await load("access.js");
const { pauseAfter } = await load("backoff.js");
const { comesBack } = await load("errors.js");
const { Healing } = await load("healing.js");
const { uuid } = await load("ids.js");

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

  a_command_that_must_be_repeated_holds_back_its_conversation() {
    const queue = new Queue();
    const [a1, a2, b1] = [said("a", 1), said("a", 2), said("b", 1)];
    for (const command of [a1, a2, b1]) queue.ask(command);
    queue.again(queue.next());
    same([queue.next() === b1, queue.next()], [true, null]);
    a1.paused = false;
    same([queue.next() === a1, a1.retry, queue.next()], [true, true, null]);
  },

  a_frame_has_no_half_characters() {
    const { frame } = new Command("message:send", { text: "a\ud83d b 🍜" }, uuid());
    same(JSON.parse(frame).data.text, "a\ufffd b 🍜");
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
    same([frames, begun], [[{ positions: {}, tell: false }, { positions: {}, tell: false }], 0]);
    healing.answered({ id: "sync-2", data: { complete: true, positions: { c: { sent: 7 } } } });
    same([begun, told], [1, []]);
    healing.take(push(8));
    same(numbers(told), ["sent 8"]);
    healing.broke();
    healing.cameBack();
    same([frames[2], begun], [{ positions: { c: { sent: 8 } } }, 2]);
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

  a_client_comes_back_as_the_close_codes_say() {
    const codes = [null, 1000, 1001, 1003, 1005, 1006, 1009, 1011, 1012, 1013, 3999, 4000, 4401, 4499, 4500, 4999];
    same(codes.filter(comesBack), [null, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4401, 4499]);
  },

  ids_are_uuids_and_differ() {
    const ids = Array.from({ length: 100 }, uuid);
    same(new Set(ids).size, 100);
    same(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)), true);
  },
};

function said(room, key) {
  return new Command("message:send", { conversation_id: room, client_msg_id: `${key}` }, uuid());
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
