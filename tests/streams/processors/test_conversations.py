"""The `conversations` processor tells what each change came to, its sender where the log decided otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from core.ports.documents import TableGeneration
from projections.conversations import conversation_rows
from schemas import events
from schemas.envelope import Record
from schemas.topics import MESSAGE_REJECTED
from streams.processors.conversations import Conversations
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, joined, lying, opened, titled

ROOM = "room"
ABOUT = {"tenant": TENANT, "at": AT, "conversation_id": ROOM}


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Conversations(world.documents), world.documents, world.kept, world.health)
    await worker.begin(1, epoch=1)
    yield worker


def cast(actor: str, key: str, **roles: events.Role) -> Record:
    return encoded(events.RolesChanged(**ABOUT, actor=actor, roles=roles), key, actor)


def pinned(actor: str, key: str, message_id: str) -> Record:
    return encoded(events.MessagePinned(**ABOUT, actor=actor, message_id=message_id), key, actor)


def unpinned(actor: str, key: str, message_id: str) -> Record:
    return encoded(events.MessageUnpinned(**ABOUT, actor=actor, message_id=message_id), key, actor)


def updated(actor: str, key: str, **what: Any) -> Record:
    return encoded(events.ConversationChanged(**ABOUT, actor=actor, **what), key, actor)


def left(actor: str, key: str, *users: str) -> Record:
    event = events.ParticipantsRemoved(**ABOUT, actor=actor, participants=list(users or (actor,)), at_seq=0)
    return encoded(event, key, actor)


async def work(worker: Worker, *records: Record, at: int = 0) -> None:
    await worker.work([lying(record, at + number) for number, record in enumerate(records)])


def frames(world: World, kind: str) -> list[Any]:
    """The data of the frames of this type, errors' codes."""
    said = [msgspec.json.decode(push.frame) for push in world.kept.pushes]
    return [one["error"]["code"] if kind == "error" else one["data"] for one in said if one["type"] == kind]


async def test_a_change_is_pushed_with_what_it_came_to(world: World, worker: Worker) -> None:
    metadata = {"a.b": {"$c": 1}}
    await work(
        worker,
        opened(ROOM, "bob"),
        updated("ann", "u", title="Plans", metadata=metadata),
        cast("ann", "r", bob="admin"),
        pinned("bob", "p", "m"),
        unpinned("ann", "q", "m"),
    )
    _, changed, given, put, taken = frames(world, "conversation:updated")
    assert (changed["changed"], changed["title"], changed["metadata"]) == (["title", "metadata"], "Plans", metadata)
    assert (given["participants"], given["roles"]) == (["bob"], {"bob": "admin"})
    assert (put["message_id"], taken["message_id"]) == ("m", "m")
    assert frames(world, "receipt") == []


async def test_what_the_log_decided_otherwise_is_told_to_its_sender_alone(world: World, worker: Worker) -> None:
    await work(worker, opened(ROOM, "bob", "cid"), cast("ann", "r", bob="owner"), left("ann", "1"), left("bob", "2"))
    await work(worker, updated("ann", "u", title="Mine"), joined(ROOM, "dan"), at=4)
    assert [push.to for push in world.kept.pushes if push.to] == ["bob", "ann", "ann"]
    assert all((one["applied"], one["lane"]) == (False, "conversation") for one in frames(world, "receipt"))
    ignored = frames(world, "conversation:updated")[3:]
    assert [(one["n"], one["participants"], one["changed"]) for one in ignored] == [
        (4, [], []),
        (5, [], []),
        (6, [], []),
    ]


@pytest.mark.parametrize(
    ("command", "first", "other"),
    [
        ("conversation:update", updated("ann", "k", title="a"), updated("ann", "k", title="b")),
        ("conversation:update", updated("ann", "k", metadata={"a": 1}), updated("ann", "k", metadata={"a": 2})),
        ("conversation:set-role", cast("ann", "k", bob="admin"), cast("ann", "k", bob="owner")),
        ("message:pin", pinned("ann", "k", "m"), pinned("ann", "k", "n")),
        ("message:unpin", unpinned("ann", "k", "m"), unpinned("ann", "k", "n")),
        ("conversation:remove-participants", left("ann", "k", "bob"), left("ann", "k", "cid")),
    ],
)
async def test_a_repeat_with_another_body_is_refused_and_told(
    world: World, worker: Worker, command: str, first: Record, other: Record
) -> None:
    await work(worker, opened(ROOM, "bob"), first, first)
    assert frames(world, "error") == []
    await work(worker, other, at=3)
    assert frames(world, "error") == ["idempotency_conflict"]
    (refused,) = [msgspec.json.decode(one.value or b"") for one in world.kept.logged if one.topic == MESSAGE_REJECTED]
    assert (refused["command"], refused["code"]) == (command, "idempotency_conflict")
    assert len(frames(world, "conversation:updated")) == 2


async def test_a_batch_that_is_worked_again_says_the_same(world: World, worker: Worker) -> None:
    records = [
        opened(ROOM, "bob"),
        titled(ROOM, "Plans"),
        cast("ann", "r", bob="owner"),
        left("ann", "1"),
        left("bob", "2", "bob", "ann"),
    ]
    await work(worker, *records)
    first, world.kept.pushes[:] = list(world.kept.pushes), []
    rows = await world.documents.scan(TableGeneration(conversation_rows.CHANGES, 1))
    again = Worker(Conversations(world.documents), world.documents, world.kept, world.health)
    await again.begin(1, epoch=1)
    await work(again, *records)
    assert list(world.kept.pushes) == first
    assert await world.documents.scan(TableGeneration(conversation_rows.CHANGES, 1)) == rows
