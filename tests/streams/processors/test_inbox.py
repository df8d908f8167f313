"""The `inbox` processor pushes to users' sessions what they keep for themselves, and reports reads to senders."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from core.ports.documents import TableGeneration
from core.ports.effects import Effects
from projections.inbox import inbox_rows
from schemas import events, ids
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_DELIVERED, MESSAGE_REJECTED, USER_ACTION, Partition
from streams.processors.inbox import Inbox
from streams.runtime.processor import Batch
from streams.runtime.record_decoder import read
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, stored

ROOM = "room"
MESSAGE = ids.message_id(TENANT, ROOM, "ann", f"{ROOM}-0")
LATER = "2026-11-21T09:30:00.000Z"
ANN, BOB = (inbox_rows.channel_of(TENANT, user) for user in ("ann", "bob"))


def read_up_to(seq: int, user: str = "bob", *, private: bool = False, room: str = ROOM) -> Record:
    event = events.CursorMoved(tenant=TENANT, at=AT, user_id=user, conversation_id=room, seq=seq, private=private)
    return encoded(event, f"{user} read {room[:9]} {seq}", user)


def muted(key: str = "mute", until: str | None = None, *, on: bool = True) -> Record:
    event = events.ConversationMuted(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=on, until=until)
    return encoded(event, key, "bob")


def archived(key: str = "archive", *, on: bool = True) -> Record:
    event = events.ConversationArchived(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, on=on)
    return encoded(event, key, "bob")


def hidden(message_id: str = MESSAGE) -> Record:
    event = events.MessageHidden(tenant=TENANT, at=AT, user_id="bob", conversation_id=ROOM, message_id=message_id)
    return encoded(event, inbox_rows.hidden_id(TENANT, "bob", MESSAGE), "bob")


def torn(record: Record) -> Record:
    return Record(record.topic, record.key, b'{"torn', record.headers)


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Inbox(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    yield worker


async def work(worker: Worker, *records: Record, at: int = 0) -> None:
    await worker.work([stored(record, at + number) for number, record in enumerate(records)])


def pushed(world: World) -> list[tuple[int, Any]]:
    """Return the pushes of the lane: number and view."""
    frames = [msgspec.json.decode(push.frame) for push in world.emitter.pushes if push.lane]
    assert {frame["type"] for frame in frames} <= {"inbox:changed"}
    return [(frame["n"], frame["data"]) for frame in frames]


def logged(world: World, topic: str) -> list[Any]:
    return [msgspec.json.decode(record.value or b"") for record in world.emitter.logged if record.topic == topic]


async def test_user_lane_pushes_the_current_row(world: World, worker: Worker) -> None:
    await work(worker, read_up_to(3), muted(until=LATER), archived(), hidden())
    assert [push.to for push in world.emitter.pushes] == [BOB] * 4
    assert {(push.lane, push.conversation_id) for push in world.emitter.pushes} == {("user", f"user:{TENANT}:bob")}
    row = {
        "conversation_id": ROOM,
        "read": 3,
        "muted": True,
        "muted_until": LATER,
        "archived": True,
        "archived_seq": None,
        "keep_archived": False,
        "pinned": None,
        "thread": None,
    }
    assert pushed(world) == [
        (1, {**row, "hidden": None}),
        (2, {**row, "hidden": None}),
        (3, {**row, "hidden": None}),
        (4, {**row, "hidden": MESSAGE}),
    ]


async def test_read_positions_are_reported_to_senders_unless_private(world: World, worker: Worker) -> None:
    await work(worker, read_up_to(3), read_up_to(7, private=True), muted(), read_up_to(5))
    said = logged(world, MESSAGE_DELIVERED)
    assert [(one["stage"], one["by"], one["seq"], one["conversation_id"]) for one in said] == [
        ("read", "bob", 3, ROOM),
        ("read", "bob", 5, ROOM),
    ]
    assert [(one["tenant"], "messages" in one) for one in said] == [(TENANT, False), (TENANT, False)]
    assert all(record.key == ROOM.encode() for record in world.emitter.logged)
    assert [view["read"] for _, view in pushed(world)] == [7, 7, 7, 7]


async def test_repeat_is_not_pushed_and_a_conflict_is_sent_to_its_sender(world: World, worker: Worker) -> None:
    await work(worker, muted(), muted(), archived(), archived())
    assert [n for n, _ in pushed(world)] == [1, 2]
    assert logged(world, MESSAGE_REJECTED) == []
    await work(worker, muted(until=LATER), at=4)
    [rejected] = logged(world, MESSAGE_REJECTED)
    assert (rejected["command"], rejected["code"]) == ("conversation:mute", "idempotency_conflict")
    assert (rejected["user_id"], rejected["conversation_id"]) == ("bob", ROOM)
    [push] = [push for push in world.emitter.pushes if not push.lane]
    error = msgspec.json.decode(push.frame)
    assert (push.to, push.conversation_id) == (BOB, ROOM)
    assert (error["error"]["code"], error["data"]) == ("idempotency_conflict", {"conversation_id": ROOM})


async def test_each_user_has_a_separate_lane(world: World, worker: Worker) -> None:
    await work(worker, read_up_to(1), read_up_to(1, "ann"), read_up_to(2), read_up_to(2, "ann", room="other"))
    assert [(push.to, push.n) for push in world.emitter.pushes] == [(BOB, 1), (ANN, 1), (BOB, 2), (ANN, 2)]


async def test_unreadable_event_is_numbered_and_not_pushed(world: World, worker: Worker) -> None:
    await work(worker, torn(read_up_to(3)), torn(muted()), archived())
    assert [n for n, _ in pushed(world)] == [3]
    assert len([record for record in world.emitter.logged if record.topic == DEAD_LETTER]) == 2
    kept = await world.documents.scan(TableGeneration(inbox_rows.ACTS, 1))
    assert sorted((row["act"]["n"], row["act"]["act"]) for row in kept) == [
        (1, "unreadable"),
        (2, "unreadable"),
        (3, "archived"),
    ]


async def test_long_conversation_id_is_skipped_and_does_not_break_the_store(world: World, worker: Worker) -> None:
    await work(worker, read_up_to(1, room="r" * 5_000), read_up_to(1))
    assert [n for n, _ in pushed(world)] == [2]
    [row] = await world.documents.scan(TableGeneration(inbox_rows.ROWS, 1))
    assert row["conversation_id"] == ROOM


async def test_other_user_actions_are_skipped(world: World, worker: Worker) -> None:
    reacted = events.Reacted(
        tenant=TENANT, at=AT, conversation_id=ROOM, message_id=MESSAGE, user_id="bob", emoji="👍", on=True
    )
    acted = events.UserActed(tenant=TENANT, at=AT, user_id="bob", action="signed in", subject="phone")
    others = [encoded(reacted, "react", "bob"), encoded(acted, "act", "bob")]
    await work(worker, *others, *map(torn, others), read_up_to(1))
    assert [n for n, _ in pushed(world)] == [1]
    assert logged(world, MESSAGE_DELIVERED)
    assert [record.topic for record in world.emitter.logged] == [MESSAGE_DELIVERED]
    assert worker.next[Partition(USER_ACTION, 0)] == 5


async def test_repeated_batch_has_the_same_logged_effects_and_rows(world: World, worker: Worker) -> None:
    batch = [read_up_to(5), muted(), read_up_to(3), muted(until=LATER), hidden(), read_up_to(6)]
    await work(worker, *batch)
    first, rows = list(world.emitter.logged), await everything(world)
    await work(worker, *batch)
    assert world.emitter.logged == [*first, *first]
    assert await everything(world) == rows
    again = [(n, view["hidden"]) for n, view in pushed(world)][5:]
    assert again == [(2, None), (4, MESSAGE), (5, None)], "a cursor is not pushed under a later number"


async def everything(world: World) -> list[Any]:
    return [await world.documents.scan(TableGeneration(table, 1)) for table in Inbox.tables]


async def test_push_has_the_row_saved_by_another_worker(world: World) -> None:
    """A late worker pushes the current row: the row is read back."""
    late = Inbox(world.documents)
    await late.prepare(1)
    await applied(late, read_up_to(3))
    place, key = TableGeneration(inbox_rows.ROWS, 1), inbox_rows.row_id(TENANT, "bob", ROOM)
    world.documents.change(place, key, "inbox", pos=2**50, n=9, read=8)
    effects = await applied(late, read_up_to(5), offset=1)
    [push] = effects.hints
    assert msgspec.json.decode(push.frame)["data"]["read"] == 8


async def applied(processor: Inbox, record: Record, offset: int = 0) -> Effects:
    found = read([stored(record, offset)], processor.name, processor.takes)
    return await processor.apply(Batch(found.facts, processor.name, 1, {}))
