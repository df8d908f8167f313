"""A node in a whole system pushes to its sessions in order, each row once, whatever the bus loses."""

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


async def test_hello_is_the_first_frame_and_names_the_user(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    assert ann.heard[0]["type"] == "hello"
    assert ann.heard[0]["data"]["user_id"] == "ann"


async def test_messages_are_pushed_in_order_to_all_members_and_the_sender(running: tuple[World, Node]) -> None:
    ann, ben, eve = [await Person(running[1], user).come() for user in ("ann", "ben", "eve")]
    here = await room(ann, "ben")
    texts = [f"hi {n}" for n in range(50)]
    await send(ann, here, *texts)
    await eventually(lambda: ann.texts() == texts and ben.texts() == texts)
    assert ben.lane("sent", here) == list(range(1, 51))
    assert ben.lane("conversation", here) == [1]
    assert not eve.texts()


async def test_sender_receives_persisted_receipt(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "hi")
    await eventually(lambda: [one["data"]["stage"] for one in ann.of("receipt")] == ["persisted"])
    assert not ben.of("receipt")


async def test_edits_and_deletions_are_pushed_in_their_own_lanes(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    named = {"conversation_id": here, "message_id": answer["data"]["message_id"]}
    await eventually(lambda: ben.texts() == ["hi"])
    assert (await ann.ask("message:edit", **named, text="hello"))["type"] == "ack"
    assert (await ann.ask("message:delete", **named))["type"] == "ack"
    await eventually(lambda: (ben.lane("edited", here), ben.lane("deleted", here)) == ([1], [1]))


async def test_repeat_is_answered_with_the_same_message_and_appended_once(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    said = {"conversation_id": here, "client_msg_id": "1", "text": "hi"}
    first, second = await ann.ask("message:send", **said), await ann.ask("message:send", **said)
    assert first["data"] == second["data"]
    await eventually(lambda: ann.texts() == ["hi"])
    assert running[0].health.counted["push_duplicate"] == 0


async def test_same_key_with_another_body_is_a_conflict(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    answer = await ann.ask("message:send", conversation_id=here, client_msg_id="1", text="ho")
    assert answer["error"]["code"] == "idempotency_conflict"


async def test_rejection_is_rechecked_recorded_and_answered(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    answer = await eve.ask("message:send", conversation_id=here, client_msg_id="1", text="hi")
    assert answer["error"]["code"] == "not_a_participant"
    recorded = [record for name, part in _partitions(running[0]) if name == "message.rejected" for record in part]
    assert len(recorded) == 1


def _partitions(found: World) -> list[tuple[str, list[object]]]:
    return [(at.topic, records) for at, records in found.log.storage.records.items()]


async def test_lost_push_is_healed_by_the_next_one(running: tuple[World, Node]) -> None:
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


async def test_lost_last_push_is_healed_by_polling_heads(running: tuple[World, Node]) -> None:
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


async def test_duplicate_push_is_delivered_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    found.bus.double = True
    await send(ann, here, *map(str, range(10)))
    await eventually(lambda: found.health.counted["push_duplicate"] >= 10)
    assert ben.lane("sent", here) == list(range(1, 11))


async def test_new_member_receives_messages_from_their_first_on(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    await eventually(lambda: ann.lane("sent", here) == [1, 2])
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "3", "4")
    await eventually(lambda: eve.lane("sent", here) == [3, 4])
    assert eve.lane("conversation", here) == [2]


async def test_first_member_on_a_node_misses_no_push(running: tuple[World, Node]) -> None:
    """The node had no member of this conversation, so the push of the addition was not sent to it."""
    found, node = running
    other = found.node("two")
    await other.start()
    ann, eve = await Person(node, "ann").come(), await Person(other, "eve").come()
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ann.lane("sent", here) == [1])
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["eve"])
    await send(ann, here, "2", "3")
    await eventually(lambda: (eve.lane("conversation", here), eve.lane("sent", here)) == ([2], [2, 3]))
    await other.stop()


def hold_changes(found: World, node: Node) -> list[Callable[[], None]]:
    """Let the node learn of changes of memberships only when these are called, in order."""
    held: list[Callable[[], None]] = []
    node._unsubscribe()
    follow = node._signals.follow_changes(node.hub)
    node._unsubscribe = found.memberships.subscribe(lambda change: held.append(functools.partial(follow, change)))
    return held


async def test_late_joiner_is_caught_up_alone(running: tuple[World, Node]) -> None:
    """The node learns of the join after it has delivered messages that the new member may read."""
    found, node = running
    ann, eve = [await Person(node, user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    held = hold_changes(found, node)
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


async def test_removed_member_receives_the_removal_and_no_more(running: tuple[World, Node]) -> None:
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
    channel = node.hub.conversations.get(here)
    assert channel is not None
    assert {subscriber.user_id for subscriber in channel.subscribers} == {"ann"}


async def test_returning_member_receives_pushes_from_then_on(running: tuple[World, Node]) -> None:
    ann, ben = [await Person(running[1], user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    for changes, change in ((2, "remove"), (3, "add")):
        await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
        await eventually(functools.partial(lambda n: len(ann.lane("conversation", here)) == n, changes))
        await send(ann, here, f"after {change}")
    await eventually(lambda: ben.texts() == ["after add"])
    assert ben.lane("conversation", here) == [1, 2, 3]


async def test_returning_member_receives_missed_changes_of_their_messages(running: tuple[World, Node]) -> None:
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
async def test_former_member_who_connects_receives_missed_changes_on_return(
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
    before = len(again.heard)
    await ann.ask("conversation:add-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: [one["n"] for one in again.of("conversation:updated")][-1:] == [3])
    await eventually(lambda: again.lane("deleted", here) == [1] and again.lane("reaction", here) == [1])
    assert [one["n"] for one in again.heard[before:] if one.get("lane") == "edited"] == [2]


async def test_sync_of_foreign_conversations_leaves_no_state(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    await eve.ask("sync", positions={here: {"sent": 1}, "6f1d1f8a-0000-5000-8000-000000000009": {"sent": 1}})
    assert eve.client is not None
    assert eve.client.subscriber.left == {}


async def test_member_removed_and_added_unseen_receives_each_message_once(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    held = hold_changes(found, node)
    found.bus.lose = True
    for change in ("remove", "add"):
        await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
    await send(ann, here, "1")
    await eventually(lambda: len(held) == 2 and sent_head(found, here) == 1)
    found.bus.lose = False
    node.hub.deliver(_push(here, n=1, conversation_n=1))
    assert ben.texts() == ["1"]
    for deliver in held:
        deliver()
    await send(ann, here, "2")
    await eventually(lambda: ben.texts()[-1:] == ["2"])
    assert ben.lane("sent", here) == [1, 2]


async def test_push_waits_for_its_view_without_blocking_others(running: tuple[World, Node]) -> None:
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


async def test_broken_hint_is_counted_and_ignored(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await found.bus.publish([("edge:one", b"\xc1 rubbish")])
    await send(ann, here, "hi")
    await eventually(lambda: ann.texts() == ["hi"])
    assert found.health.counted["payload_broken"] == 1


async def test_session_opens_and_receives_pushes_without_a_store(running: tuple[World, Node]) -> None:
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


async def test_last_subscriber_closes_the_channel(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    assert await found.presence.nodes([here]) == {here: frozenset({"one"})}
    ann.go()
    assert list(node.hub.conversations.names) == []

    async def nobody() -> bool:
        return not (await found.presence.nodes([here])).get(here)

    await eventually(nobody)


async def test_returning_session_syncs_exactly_what_it_missed(running: tuple[World, Node]) -> None:
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


async def test_conversation_missing_in_positions_is_synced_from_the_join(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await eventually(lambda: ann.texts() == ["1"])
    ben = await Person(running[1], "ben").come()
    await ben.ask("sync", positions={})
    assert (ben.lane("conversation", here), ben.lane("sent", here)) == ([1], [1])


async def test_long_sync_continues_where_it_stopped(running: tuple[World, Node]) -> None:
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
    """A view that has not read of one conversation, until the test lets it."""

    def __init__(self, inner: MembershipTail, unread: str) -> None:
        self._inner = inner
        self._unread = {unread}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        return self._inner.of_user(tenant, user_id) - self._unread

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        return self._inner.present_of_user(tenant, user_id) - self._unread

    async def prove(self, conversation_id: str | None) -> None:
        await self._inner.prove(conversation_id)
        self._unread.clear()


async def test_sync_at_a_lagging_node_has_the_new_conversation(
    running: tuple[World, Node],
) -> None:
    found, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    await eventually(lambda: sent_head(found, here) == 2)
    node._reads._syncing = SyncQueries(Behind(found.memberships, here), node.current._lanes, node.current, FairTurns(1))
    data = (await ben.ask("sync", positions={here: {"sent": 1, "conversation": 1}}))["data"]
    assert (data["complete"], data["positions"][here]["sent"]) == (True, 2)


async def test_former_member_syncs_up_to_their_leave(running: tuple[World, Node]) -> None:
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


async def test_foreign_conversation_is_not_readable(running: tuple[World, Node]) -> None:
    ann, eve = [await Person(running[1], user).come() for user in ("ann", "eve")]
    here = await room(ann, "ben")
    answer = await eve.ask("conversation:get", conversation_id=here)
    assert answer["error"]["code"] == "not_a_participant"


async def test_search_finds_only_readable_undeleted_messages(running: tuple[World, Node]) -> None:
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


async def test_missing_message_is_found_as_soon_as_it_exists(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")

    async def finds() -> bool:
        await found.index.refresh(1)
        return bool((await ann.ask("search:messages", text="heron"))["data"]["messages"])

    assert not await finds()
    await send(ann, here, "a grey heron")
    await eventually(finds)


async def test_twenty_malformed_frames_in_a_row_close_a_session(running: tuple[World, Node]) -> None:
    ann = await Person(running[1], "ann").come()
    assert ann.client is not None
    for _ in range(20):
        await running[1].receive(ann.client, json.dumps({"id": 1, "type": "nonsense"}))
    assert ann.closed == ["too_many_errors"]


async def test_command_is_unavailable_during_log_outage_and_retry_appends(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    said = {"conversation_id": here, "client_msg_id": "1", "text": "hi"}
    found.log._open = False
    assert (await ann.ask("message:send", **said))["error"]["code"] == "unavailable"
    found.log._open = True
    assert (await ann.ask("message:send", **said))["type"] == "ack"
