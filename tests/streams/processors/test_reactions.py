"""The `messages` processor takes reactions from `user.action`, and skips its other events."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from projections.inbox.inbox_rows import channel_of
from schemas import events, ids
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_DELIVERED, MESSAGE_REJECTED, USER_ACTION, Partition
from streams.processors.messages import Messages
from streams.processors.search import Search
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, said, stored

ROOM = "room"
MESSAGE = ids.message_id(TENANT, ROOM, "ann", f"{ROOM}-0")


def reacted(user: str, emoji: str = "👍", *, on: bool = True, key: str = "") -> Record:
    event = events.Reacted(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, user_id=user, emoji=emoji, on=on
    )
    return encoded(event, key or f"{user} {emoji} {on}", user)


def archived(user: str) -> Record:
    event = events.UserActed(tenant=TENANT, at=AT, user_id=user, action="archived", subject=ROOM)
    return encoded(event, f"archive {user}", user)


def torn(record: Record) -> Record:
    return Record(record.topic, record.key, b'{"torn', record.headers)


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    yield worker


def changes(world: World) -> list[tuple[int, Any]]:
    """Return the pushes of the lane: number, and the reactions on the message."""
    frames = [msgspec.json.decode(push.frame) for push in world.emitter.pushes if push.lane == "reaction"]
    assert all(frame["type"] == "reaction:changed" for frame in frames)
    return [(frame["n"], [(one["emoji"], one["users"]) for one in frame["data"]["reactions"]]) for frame in frames]


def logged(world: World, topic: str) -> list[Any]:
    return [msgspec.json.decode(record.value or b"") for record in world.emitter.logged if record.topic == topic]


def persisted(world: World) -> list[Any]:
    """Return what was said to be persisted of the lane."""
    said_to_be = [one for one in logged(world, MESSAGE_DELIVERED) if one["stage"] == "persisted"]
    return [one for record in said_to_be for one in record["messages"] if one.get("lane") == "reaction"]


async def test_reaction_push_has_all_reactions_and_its_sender_gets_a_receipt(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    await worker.work([stored(reacted("bob"), 0), stored(reacted("ann"), 1), stored(reacted("ann"), 2)])
    assert [n for n, _ in changes(world)] == [1, 2]
    assert changes(world)[-1] == (2, [("👍", ["bob", "ann"])])
    assert [(one["sender"], one["seq"]) for one in persisted(world)] == [("bob", 1), ("ann", 1), ("ann", 1)]


async def test_ignored_reaction_is_reported_to_its_sender(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    again, off = reacted("bob", key="again"), reacted("ann", on=False)
    await worker.work([stored(reacted("bob"), 0), stored(again, 1), stored(off, 2)])
    assert [one.get("applied", True) for one in persisted(world)] == [True, False, False]
    assert [n for n, _ in changes(world)] == [1, 2, 3]


async def test_reaction_read_before_its_message_is_pushed_with_it(world: World, worker: Worker) -> None:
    await worker.work([stored(reacted("bob"), 0)])
    assert world.emitter.pushes == []
    assert world.emitter.logged == []
    await worker.work([stored(said(ROOM, 0), 0)])
    [push] = world.emitter.pushes
    data = msgspec.json.decode(push.frame)["data"]
    assert (push.lane, data["reactions"]) == ("sent", [{"emoji": "👍", "users": ["bob"]}])


async def test_another_emoji_under_a_used_key_is_rejected_and_reported(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    await worker.work([stored(reacted("bob", key="k"), 0), stored(reacted("bob", "🎉", key="k"), 1)])
    [rejected] = logged(world, MESSAGE_REJECTED)
    assert (rejected["command"], rejected["code"]) == ("reaction:add", "idempotency_conflict")
    assert (rejected["user_id"], rejected["message_id"]) == ("bob", MESSAGE)
    assert [push.to for push in world.emitter.pushes if push.to] == [channel_of(TENANT, "bob")]
    assert changes(world) == [(1, [("👍", ["bob"])])]


async def test_other_user_actions_are_skipped(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    others = [stored(archived("bob"), 0), stored(torn(archived("bob")), 1)]
    await worker.work([*others, stored(reacted("bob"), 2)])
    assert [n for n, _ in changes(world)] == [1]
    assert logged_dead(world) == []
    assert worker.next[Partition(USER_ACTION, 0)] == 3


async def test_unreadable_reaction_is_numbered_and_a_dead_letter(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    await worker.work([stored(torn(reacted("bob")), 0), stored(reacted("ann"), 1)])
    assert changes(world) == [(2, [("👍", ["ann"])])]
    assert logged_dead(world) == [b'{"torn']


async def test_repeated_batch_has_the_same_effects(world: World, worker: Worker) -> None:
    await worker.work([stored(said(ROOM, 0), 0)])
    batch = [stored(reacted("bob"), 0), stored(reacted("bob", on=False), 1)]
    before = len(world.emitter.logged)
    await worker.work(batch)
    first, pushed = world.emitter.logged[before:], changes(world)
    await worker.work(batch)
    assert world.emitter.logged[before:] == [*first, *first]
    assert changes(world) == [*pushed, *pushed]


def logged_dead(world: World) -> list[bytes | None]:
    return [record.value for record in world.emitter.logged if record.topic == DEAD_LETTER]


def test_search_reads_only_message_topics() -> None:
    assert USER_ACTION in Messages.topics
    assert USER_ACTION not in Search.topics
