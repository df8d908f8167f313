"""The `conversations` processor pushes the result of each change, and a receipt where the log decided otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from core.ports.documents import TableGeneration
from projections.conversations import conversation_rows
from projections.inbox.inbox_rows import channel_of
from schemas import events
from schemas.envelope import Record
from schemas.topics import MESSAGE_REJECTED
from streams.processors.conversations import Conversations
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, joined, opened, stored, titled

ROOM = "room"
ABOUT = {"tenant": TENANT, "at": AT, "conversation_id": ROOM}


@pytest.fixture
async def worker(world: World) -> AsyncIterator[Worker]:
    worker = Worker(Conversations(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    yield worker


def roles_changed(actor: str, key: str, **roles: events.Role) -> Record:
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
    await worker.work([stored(record, at + number) for number, record in enumerate(records)])


def frames(world: World, kind: str) -> list[Any]:
    """Return the data of the frames of this type, or the codes of errors."""
    frames_ = [msgspec.json.decode(push.frame) for push in world.emitter.pushes]
    return [one["error"]["code"] if kind == "error" else one["data"] for one in frames_ if one["type"] == kind]


async def test_change_is_pushed_with_its_result(world: World, worker: Worker) -> None:
    metadata = {"a.b": {"$c": 1}}
    await work(
        worker,
        opened(ROOM, "bob"),
        updated("ann", "u", title="Plans", metadata=metadata),
        roles_changed("ann", "r", bob="admin"),
        pinned("bob", "p", "m"),
        unpinned("ann", "q", "m"),
    )
    _, changed, given, put, taken = frames(world, "conversation:updated")
    assert (changed["changed"], changed["title"], changed["metadata"]) == (["title", "metadata"], "Plans", metadata)
    assert (given["participants"], given["roles"]) == (["bob"], {"bob": "admin"})
    assert (put["message_id"], taken["message_id"]) == ("m", "m")
    assert frames(world, "receipt") == []


async def test_ignored_change_is_reported_only_to_its_sender(world: World, worker: Worker) -> None:
    await work(
        worker, opened(ROOM, "bob", "cid"), roles_changed("ann", "r", bob="owner"), left("ann", "1"), left("bob", "2")
    )
    await work(worker, updated("ann", "u", title="Mine"), joined(ROOM, "dan"), at=4)
    receivers = [channel_of(TENANT, user) for user in ("bob", "ann", "ann")]
    assert [push.to for push in world.emitter.pushes if push.to] == receivers
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
        ("conversation:set-role", roles_changed("ann", "k", bob="admin"), roles_changed("ann", "k", bob="owner")),
        ("message:pin", pinned("ann", "k", "m"), pinned("ann", "k", "n")),
        ("message:unpin", unpinned("ann", "k", "m"), unpinned("ann", "k", "n")),
        ("conversation:remove-participants", left("ann", "k", "bob"), left("ann", "k", "cid")),
    ],
)
async def test_repeat_with_another_body_is_rejected_and_reported(
    world: World, worker: Worker, command: str, first: Record, other: Record
) -> None:
    await work(worker, opened(ROOM, "bob"), first, first)
    assert frames(world, "error") == []
    await work(worker, other, at=3)
    assert frames(world, "error") == ["idempotency_conflict"]
    (rejected,) = [
        msgspec.json.decode(one.value or b"") for one in world.emitter.logged if one.topic == MESSAGE_REJECTED
    ]
    assert (rejected["command"], rejected["code"]) == (command, "idempotency_conflict")
    assert len(frames(world, "conversation:updated")) == 2


async def test_repeated_batch_pushes_the_same(world: World, worker: Worker) -> None:
    records = [
        opened(ROOM, "bob"),
        titled(ROOM, "Plans"),
        roles_changed("ann", "r", bob="owner"),
        left("ann", "1"),
        left("bob", "2", "bob", "ann"),
    ]
    await work(worker, *records)
    first, world.emitter.pushes[:] = list(world.emitter.pushes), []
    rows = await world.documents.scan(TableGeneration(conversation_rows.CHANGES, 1))
    again = Worker(Conversations(world.documents), world.documents, world.emitter, world.health)
    await again.begin(1, epoch=1)
    await work(again, *records)
    assert list(world.emitter.pushes) == first
    assert await world.documents.scan(TableGeneration(conversation_rows.CHANGES, 1)) == rows
