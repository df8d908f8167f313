"""A node in a whole system: what its sessions are told, in order, each once, whatever the bus loses."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from edge.socket.delivery.sync import SyncQueries
from edge.socket.node import Node
from projections.queries.fair_turns import FairTurns
from schemas.wire import frames
from schemas.wire.frames import Push
from streams.memberships.membership_tail import MembershipTail
from tests.contracts.search_index import ids, query
from tests.edge.socket.asking import said
from tests.edge.socket.world import Person, World, room, send, sent_head
from tests.eventually import eventually


async def test_hello_is_the_first_frame_and_says_who_one_is(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    assert ann.heard[0]["type"] == "hello"
    assert ann.heard[0]["data"]["user_id"] == "ann"


async def test_everyone_in_a_conversation_is_told_in_order_the_sender_included(running: tuple[World, Node]) -> None:
    ann, ben, eve = [await Person(running[1], user).come() for user in ("ann", "ben", "eve")]
    here = await room(ann, "ben")
    texts = [f"hi {n}" for n in range(50)]
    await send(ann, here, *texts)
    await eventually(lambda: ann.texts() == texts and ben.texts() == texts)
    assert ben.lane("sent", here) == list(range(1, 51))
    assert ben.lane("conversation", here) == [1]
    assert not eve.texts()


async def test_a_sender_is_told_when_a_message_was_persisted(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "hi")
    await eventually(lambda: [one["data"]["stage"] for one in ann.of("receipt")] == ["persisted"])
    assert not ben.of("receipt")


async def test_edits_and_deletions_are_told_in_their_own_lanes(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    named = {"conversation_id": here, "message_id": answer["data"]["message_id"]}
    await eventually(lambda: ben.texts() == ["hi"])
    assert (await ann.ask("message:edit", **named, text="hello"))["type"] == "ack"
    assert (await ann.ask("message:delete", **named))["type"] == "ack"
    await eventually(lambda: (ben.lane("edited", here), ben.lane("deleted", here)) == ([1], [1]))


async def test_a_repeat_is_answered_with_the_same_message_and_appended_once(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    said = {"conversation_id": here, "client_msg_id": "1", "text": "hi"}
    first, second = await ann.ask("message:send", **said), await ann.ask("message:send", **said)
    assert first["data"] == second["data"]
    await eventually(lambda: ann.texts() == ["hi"])
    assert running[0].health.counted["push_duplicate"] == 0


async def test_the_same_key_with_another_body_is_a_conflict(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="ho")
    assert answer["error"]["code"] == "idempotency_conflict"


async def test_a_no_is_proved_recorded_and_told(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    answer = await eve.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    assert answer["error"]["code"] == "not_a_participant"
    recorded = [record for name, part in _partitions(running[0]) if name == "message.rejected" for record in part]
    assert len(recorded) == 1


def _partitions(found: World) -> list[tuple[str, list[object]]]:
    return [(at.topic, records) for at, records in found.log.held.records.items()]


async def test_a_lost_push_is_healed_by_the_next_one(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ben.texts() == ["1"])
    found.bus.lose = True
    await send(ann, here, "2", "3")
    await eventually(lambda: sent_head(found, here) == 3)
    found.bus.lose = False
    await send(ann, here, "4")
    await eventually(lambda: ben.lane("sent", here) == [1, 2, 3, 4])
    assert ben.texts() == ["1", "2", "3", "4"]
    assert found.health.counted["healed"] >= 2


async def test_a_lost_last_push_is_healed_by_a_look_at_the_heads(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    found.bus.lose = True
    await send(ann, here, "1", "2")
    await eventually(lambda: sent_head(found, here) == 2)
    await node.look()
    await eventually(lambda: ben.texts() == ["1", "2"])
    await node.look()
    assert ben.lane("sent", here) == [1, 2]


async def test_a_doubled_push_is_told_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    found.bus.double = True
    await send(ann, here, *map(str, range(10)))
    await eventually(lambda: found.health.counted["push_duplicate"] >= 10)
    assert ben.lane("sent", here) == list(range(1, 11))


async def test_who_comes_in_later_is_told_from_their_first_message_on(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    await eventually(lambda: ann.lane("sent", here) == [1, 2])
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "3", "4")
    await eventually(lambda: eve.lane("sent", here) == [3, 4])
    assert eve.lane("conversation", here) == [2]


async def test_the_first_of_a_node_who_is_let_in_misses_nothing(running: tuple[World, Node]) -> None:
    """The node held nobody of this conversation, so no push of what let them in was meant for it."""
    found, node = running
    other = found.node("two")
    other_tail = found.memberships.on_change
    await other.start()
    one_changed, two_changed = other_tail, other.hub.changed

    def both(event: object, view: object) -> None:
        assert one_changed is not None
        one_changed(event, view)  # type: ignore[arg-type]
        two_changed(event, view)  # type: ignore[arg-type]

    found.memberships.on_change = both
    ann, eve = await Person(node, "ann").come(), await Person(other, "eve").come()
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ann.lane("sent", here) == [1])
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "2", "3")
    await eventually(lambda: (eve.lane("conversation", here), eve.lane("sent", here)) == ([2], [2, 3]))
    await other.stop()


async def test_who_comes_in_behind_the_others_is_caught_up_alone(running: tuple[World, Node]) -> None:
    """The node learns of the joining after it has delivered messages that are already the newcomer's."""
    found, node = running
    ann, eve = [await Person(node, user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    held: list[Callable[[], None]] = []
    changed = found.memberships.on_change
    assert changed is not None
    found.memberships.on_change = lambda event, view: held.append(functools.partial(changed, event, view))
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "2", "3")
    await eventually(lambda: ann.texts() == ["1", "2", "3"])
    assert not eve.texts()
    held[0]()
    await send(ann, here, "4")
    await eventually(lambda: eve.texts() == ["2", "3", "4"])
    assert (eve.lane("sent", here), eve.lane("conversation", here)) == ([2, 3, 4], [2])
    assert ann.lane("sent", here) == [1, 2, 3, 4]
    assert found.health.counted["caught_up"] == 3


async def test_who_was_removed_is_told_so_and_then_nothing(running: tuple[World, Node]) -> None:
    node = running[1]
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ben.texts() == ["1"])
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    await send(ann, here, "2")
    await eventually(lambda: ann.texts() == ["1", "2"])
    assert ben.texts() == ["1"]
    channel = node.hub.channel(here)
    assert channel is not None
    assert {seat.user_id for seat in channel.seats} == {"ann"}


async def test_who_comes_back_is_told_from_then_on(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    for changes, change in ((2, "remove"), (3, "add")):
        await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
        await eventually(functools.partial(lambda n: len(ann.lane("conversation", here)) == n, changes))
        await send(ann, here, f"after {change}")
    await eventually(lambda: ben.texts() == ["after add"])
    assert ben.lane("conversation", here) == [1, 2, 3]


async def test_who_comes_back_is_told_what_became_of_their_messages_meanwhile(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="1")
    await eventually(lambda: ben.texts() == ["1"])
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    await ann.ask("message:delete", conversation_id=here, message_id=answer["data"]["message_id"])
    await eventually(lambda: ann.lane("deleted", here) == [1])
    assert ben.lane("deleted", here) == []
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: (ben.lane("conversation", here), ben.lane("deleted", here)) == ([1, 2, 3], [1]))


@pytest.mark.parametrize("known", [{"sent": 1, "conversation": 2}, {"sent": 2, "edited": 1, "conversation": 2}])
async def test_who_comes_in_while_they_are_out_is_told_on_return_what_became_of_their_messages(
    running: tuple[World, Node], known: dict[str, int]
) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    ids = [await said(ann, here, key) for key in "12"]
    await eventually(lambda: ben.texts() == ["1", "2"])
    await ann.ask("message:edit", conversation_id=here, message_id=ids[0], text="one")
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: (ben.lane("conversation", here), ben.lane("edited", here)) == ([1, 2], [1]))
    again = await Person(running[1], "ben").come()
    data = (await again.ask("sync", positions={here: known}))["data"]
    assert {lane: data["positions"][here][lane] for lane in ("sent", "edited")} == {"sent": 2, "edited": 1}
    await ann.ask("message:edit", conversation_id=here, message_id=ids[1], text="two")
    await ann.ask("reaction:add", conversation_id=here, message_id=ids[0], emoji="👍")
    await ann.ask("message:delete", conversation_id=here, message_id=ids[0])
    await eventually(lambda: (ann.lane("edited", here), ann.lane("deleted", here)) == ([1, 2], [1]))
    await eventually(lambda: ann.lane("reaction", here) == [1])
    told = len(again.heard)
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: [one["n"] for one in again.of("conversation:updated")][-1:] == [3])
    await eventually(lambda: again.lane("deleted", here) == [1] and again.lane("reaction", here) == [1])
    assert [one["n"] for one in again.heard[told:] if one.get("lane") == "edited"] == [2]


async def test_who_names_conversations_that_are_not_theirs_leaves_nothing_behind(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await eve.ask("sync", positions={here: {"sent": 1}, "6f1d1f8a-0000-5000-8000-000000000009": {"sent": 1}})
    assert eve.visit is not None
    assert eve.visit.seat.left == {}


async def test_who_was_away_and_back_before_the_node_knew_is_told_each_message_once(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    held: list[Callable[[], None]] = []
    changed = found.memberships.on_change
    assert changed is not None
    found.memberships.on_change = lambda event, view: held.append(functools.partial(changed, event, view))
    found.bus.lose = True
    for change in ("remove", "add"):
        await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
    await send(ann, here, "1")
    await eventually(lambda: len(held) == 2 and sent_head(found, here) == 1)
    found.bus.lose = False
    node.hub.deliver(_push(here, n=1, conversation_n=1))
    assert ben.texts() == ["1"]
    for tell in held:
        tell()
    await send(ann, here, "2")
    await eventually(lambda: ben.texts()[-1:] == ["2"])
    assert ben.lane("sent", here) == [1, 2]


async def test_a_push_waits_for_a_view_as_new_as_itself_and_others_do_not(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    slow = await room(ann, "ben")
    fast = (await ann.ask("conversation:create", participants=["ben"], client_key="fast"))["data"]["conversation_id"]
    await eventually(lambda: ben.lane("conversation", fast) == [1])
    early = _push(slow, n=1, conversation_n=99)
    node.hub.deliver(early)
    node.hub.deliver(_push(fast, n=1, conversation_n=1))
    assert ben.lane("sent", fast) == [1]
    assert ben.lane("sent", slow) == []
    await eventually(lambda: found.health.counted["push_early"] == 1)
    assert ben.lane("sent", slow) == []


def _push(conversation_id: str, *, n: int, conversation_n: int) -> Push:
    data = {"conversation_id": conversation_id, "text": str(n)}
    return Push(
        model="messages",
        generation=1,
        conversation_id=conversation_id,
        frame=frames.push("message:new", data, "sent", n),
        lane="sent",
        n=n,
        conversation_n=conversation_n,
        seq=n,
    )


async def test_a_broken_hint_is_counted_and_harms_nobody(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await found.bus.publish([("edge:one", b"\xc1 rubbish")])
    await send(ann, here, "hi")
    await eventually(lambda: ann.texts() == ["hi"])
    assert found.health.counted["payload_broken"] == 1


async def test_without_a_store_a_session_still_comes_in_and_is_told_what_happens(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    ann.go()
    found.documents.down = True
    ben = await Person(node, "ben").come()
    assert ben.heard[0]["type"] == "hello"
    found.documents.down = False
    ann = await Person(node, "ann").come()
    await send(ann, here, "1", "2")
    await eventually(lambda: ben.texts() == ["1", "2"])


async def test_the_last_to_go_takes_the_channel_along(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    assert await found.presence.nodes([here]) == {here: frozenset({"one"})}
    ann.go()
    assert list(node.hub.conversations) == []

    async def nobody() -> bool:
        return not (await found.presence.nodes([here])).get(here)

    await eventually(nobody)


async def test_a_session_that_comes_back_gets_by_sync_exactly_what_it_missed(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    await eventually(lambda: ben.texts() == ["1", "2"])
    ben.go()
    await send(ann, here, "3", "4")
    await eventually(lambda: ann.texts() == ["1", "2", "3", "4"])
    again = await Person(running[1], "ben").come()
    answer = await again.ask("sync", positions={here: {"sent": 2, "conversation": 1}})
    assert answer["type"] == "synced"
    assert answer["data"]["complete"] is True
    assert answer["data"]["positions"][here]["sent"] == 4
    assert again.texts() == ["3", "4"]


async def test_a_conversation_that_the_positions_lack_is_told_as_joined(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ann.texts() == ["1"])
    ben = await Person(running[1], "ben").come()
    await ben.ask("sync", positions={})
    assert (ben.lane("conversation", here), ben.lane("sent", here)) == ([1], [1])


async def test_a_sync_that_is_too_long_goes_on_where_it_stopped(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, *map(str, range(30)))
    await eventually(lambda: len(ann.texts()) == 30)
    ben = await Person(running[1], "ben").come()
    running[1]._reads._syncing._rows = 7
    positions: dict[str, dict[str, int]] = {}
    for _ in range(20):
        data = (await ben.ask("sync", positions=positions))["data"]
        positions = data["positions"]
        if data["complete"]:
            break
    assert ben.lane("sent", here) == list(range(1, 31))


class Behind:
    """A view that has not read of one conversation, until it is made to."""

    def __init__(self, inner: MembershipTail, unread: str) -> None:
        self._inner = inner
        self._unread = {unread}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        return self._inner.of_user(tenant, user_id) - self._unread

    async def prove(self, conversation_id: str | None) -> None:
        await self._inner.prove(conversation_id)
        self._unread.clear()


async def test_a_sync_at_a_node_that_is_behind_tells_of_a_conversation_that_it_had_not_read_of(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    await eventually(lambda: sent_head(found, here) == 2)
    node._reads._syncing = SyncQueries(Behind(found.memberships, here), node._lanes, node.current, FairTurns(1))
    data = (await ben.ask("sync", positions={here: {"sent": 1, "conversation": 1}}))["data"]
    assert (data["complete"], data["positions"][here]["sent"]) == (True, 2)


async def test_who_left_syncs_up_to_the_leaving(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ben.texts() == ["1"])
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "2")
    await eventually(lambda: ann.texts() == ["1", "2"] and ann.lane("conversation", here) == [1, 2, 3])
    again = await Person(running[1], "ben").come()
    await again.ask("sync", positions={here: {}})
    assert (again.lane("conversation", here), again.texts()) == ([1, 2], ["1"])


async def test_own_conversations_are_listed_in_pages_and_shown_with_participants(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    made = set()
    for n in range(5):
        made.add((await ann.ask("conversation:create", client_key=str(n)))["data"]["conversation_id"])
    await eventually(lambda: len(ann.of("conversation:updated")) == 5)
    first = (await ann.ask("conversation:list", limit=3))["data"]
    rest = (await ann.ask("conversation:list", limit=3, after=first["after"]))["data"]
    listed = [one["conversation_id"] for one in first["conversations"] + rest["conversations"]]
    assert (len(listed), {*listed}) == (5, made)
    assert rest["after"] is None
    shown = (await ann.ask("conversation:get", conversation_id=listed[0]))["data"]
    assert shown["participants"][0]["user_id"] == "ann"


async def test_nobody_reads_another_s_conversation(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    answer = await eve.ask("conversation:get", conversation_id=here)
    assert answer["error"]["code"] == "not_a_participant"


async def test_search_finds_only_what_one_may_read_and_what_is_still_there(running: tuple[World, Node]) -> None:
    found, node = running
    ann, eve = [await Person(node, user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await send(ann, here, "a blue whale", "a green tree")
    gone = await ann.ask("message:send", conversation_id=here, client_msg_id="x", text="a blue bird")
    await eventually(lambda: len(ann.texts()) == 3)
    await ann.ask("message:delete", conversation_id=here, message_id=gone["data"]["message_id"])
    await eventually(lambda: ann.lane("deleted", here) == [1])

    async def texts(who: Person, words: str) -> list[str]:
        return [one["text"] for one in (await who.ask("search:messages", text=words))["data"]["messages"]]

    async def indexed() -> bool:
        await found.index.refresh(1)
        return len(await ids(found.index, 1, query("green", [here]))) == 1

    await eventually(indexed)
    assert await texts(ann, "blue") == ["a blue whale"]
    assert await texts(eve, "blue") == []


async def test_what_was_not_found_is_found_as_soon_as_it_is_there(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")

    async def finds() -> bool:
        await found.index.refresh(1)
        return bool((await ann.ask("search:messages", text="heron"))["data"]["messages"])

    assert not await finds()
    await send(ann, here, "a grey heron")
    await eventually(finds)


async def test_twenty_frames_in_a_row_that_are_no_command_close_a_session(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    assert ann.visit is not None
    for _ in range(20):
        await running[1].receive(ann.visit, json.dumps({"id": 1, "type": "nonsense"}))
    assert ann.closed == ["too_many_errors"]


async def test_a_log_that_is_down_is_answered_unavailable_and_a_retry_appends(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    said = {"conversation_id": here, "client_msg_id": "1", "text": "hi"}
    found.log._open = False
    assert (await ann.ask("message:send", **said))["error"]["code"] == "unavailable"
    found.log._open = True
    assert (await ann.ask("message:send", **said))["type"] == "ack"
