"""The `receipts` processor pushes the cursors that a batch moved, in one push for each conversation, and a receipt of
each persisted message to its sender.
"""

from typing import Any

import msgspec
import pytest

from core.ports.documents import TableGeneration
from projections.inbox.inbox_rows import channel_of
from projections.receipts import receipt_rows
from schemas import events
from schemas.bounds import CURSOR_MEMBERS
from schemas.envelope import Record
from schemas.wire.frames import CURSORS
from streams.processors.receipts import Receipts
from streams.runtime.worker import Worker
from tests.streams.world import AT, CORRELATION, TENANT, World, encoded, stored

ROOM = "room"


class Scene:
    """The worker of receipts over one partition, and what it pushed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.receipts = Worker(Receipts(world.documents), world.documents, world.emitter, world.health)
        self.read = 0

    async def reach(self, *marks: tuple[str, events.Stage, int], room: str = ROOM) -> list[list[tuple[str, int, int]]]:
        """Apply these marks as one batch and return the cursors of each push: `(user, read_seq, delivered_seq)`."""
        return await self.work([reached(*mark, room=room) for mark in marks])

    async def work(self, records: list[Record]) -> list[list[tuple[str, int, int]]]:
        self.world.emitter.pushes.clear()
        batch = [stored(record, self.read + at) for at, record in enumerate(records)]
        self.read += len(batch)
        await self.receipts.work(batch)
        return self.pushed()

    async def receipts_of(self, *records: Record) -> list[tuple[str, str, dict[str, Any]]]:
        """Apply these records as one batch and return the receipts: `(to, correlation_id, data)`."""
        self.world.emitter.pushes.clear()
        await self.receipts.work([stored(record, self.read + at) for at, record in enumerate(records)])
        self.read += len(records)
        found = []
        for push in self.world.emitter.pushes:
            frame: dict[str, Any] = msgspec.json.decode(push.frame)
            assert (push.model, push.conversation_id, push.lane) == ("receipts", ROOM, "")
            assert frame.keys() == {"type", "data", "correlation_id"}
            assert frame["type"] == "receipt"
            found.append((push.to, frame["correlation_id"], frame["data"]))
        return found

    def pushed(self) -> list[list[tuple[str, int, int]]]:
        found = []
        for push in self.world.emitter.pushes:
            frame: dict[str, Any] = msgspec.json.decode(push.frame)
            assert (push.model, push.lane, push.to, frame["type"]) == ("receipts", CURSORS, "", CURSORS)
            assert frame["data"]["conversation_id"] == push.conversation_id
            cursors = frame["data"]["cursors"]
            found.append([(one["user_id"], one["read_seq"], one["delivered_seq"]) for one in cursors])
        return found

    async def rows(self) -> dict[str, Any]:
        return {row["_id"]: row for row in await self.world.documents.scan(TableGeneration(receipt_rows.ROWS, 1))}


def reached(by: str, stage: events.Stage, seq: int, device: str = "", room: str = ROOM) -> Record:
    event = events.MessageDelivered(
        tenant=TENANT,
        at=AT,
        conversation_id=room,
        seq=seq,
        stage=stage,
        by=by,
        device=device,
    )
    return encoded(event, f"{room} {by} {stage} {seq} {device}", by)


def saved(*messages: events.PersistedMessage) -> Record:
    """Return the record that names these messages."""
    event = events.MessageDelivered(
        tenant=TENANT, at=AT, conversation_id=ROOM, stage="persisted", messages=list(messages)
    )
    return encoded(event, " ".join(one.event_id for one in messages), "ann")


def saved_in_version_1(sender: str, **fields: Any) -> Record:
    body = {"tenant": TENANT, "at": AT, "conversation_id": ROOM, "sender": sender, "stage": "persisted", **fields}
    newest, old = saved(), ("ce_type", b"caas.message.delivered.v1")
    headers = tuple(old if name == "ce_type" else (name, value) for name, value in newest.headers)
    return msgspec.structs.replace(newest, value=msgspec.json.encode(body), headers=headers)


def persisted(sender: str, seq: int, **fields: Any) -> events.PersistedMessage:
    about = {"message_id": f"m{seq}", "event_id": f"e{seq}", "correlation_id": f"c{seq}"}
    return events.PersistedMessage(sender=sender, seq=seq, **{**about, **fields})


@pytest.fixture
async def scene(world: World) -> Scene:
    found = Scene(world)
    await found.receipts.begin(1, epoch=1)
    return found


async def test_cursor_is_pushed_however_far_it_moves(scene: Scene) -> None:
    assert await scene.reach(("cy", "read", 1_000)) == [[("cy", 1_000, 1_000)]]


async def test_batch_is_one_push_for_each_conversation(scene: Scene) -> None:
    marks = [reached("cy", "delivered", 3), reached("bob", "read", 2), reached("cy", "read", 2)]
    elsewhere = [reached("cy", "read", 9, room="other")]
    assert await scene.work([*marks, *elsewhere]) == [[("cy", 2, 3), ("bob", 2, 2)], [("cy", 9, 9)]]


async def test_push_has_a_maximum_number_of_cursors(scene: Scene) -> None:
    pushed = await scene.reach(*[(f"u{n}", "read", 1) for n in range(CURSOR_MEMBERS)])
    assert [len(cursors) for cursors in pushed] == [CURSOR_MEMBERS]
    pushed = await scene.reach(*[(f"u{n}", "read", 2) for n in range(2 * CURSOR_MEMBERS + 1)])
    assert [len(cursors) for cursors in pushed] == [CURSOR_MEMBERS, CURSOR_MEMBERS, 1]


async def test_unmoved_cursor_is_not_pushed(scene: Scene) -> None:
    await scene.reach(("cy", "read", 2))
    assert await scene.reach(("cy", "read", 2)) == []
    assert await scene.reach(("cy", "read", 1)) == []


async def test_second_device_pushes_nothing_new_but_keeps_its_cursor(scene: Scene) -> None:
    assert await scene.work([reached("bob", "delivered", 2, "phone")]) == [[("bob", 0, 2)]]
    assert await scene.work([reached("bob", "delivered", 1, "desk")]) == []
    assert await scene.work([reached("bob", "delivered", 3, "desk")]) == [[("bob", 0, 3)]]
    seqs = {key: row["delivered"]["seq"] for key, row in (await scene.rows()).items()}
    assert seqs == {"room:bob:": 3, "room:bob:phone": 2, "room:bob:desk": 3}


async def test_newest_cursor_is_pushed_again_with_its_batch(scene: Scene) -> None:
    first = await scene.reach(("bob", "read", 1))
    again = Worker(Receipts(scene.world.documents), scene.world.documents, scene.world.emitter, scene.world.health)
    await again.begin(1, epoch=1)
    before = await scene.rows()
    await again.work([stored(reached("bob", "read", 1), 0)])
    assert scene.pushed() == [*first, *first]
    assert await scene.rows() == before


def receipt(seq: int, **fields: Any) -> dict[str, Any]:
    about = {"conversation_id": ROOM, "message_id": f"m{seq}", "seq": seq, "stage": "persisted"}
    return {**about, "lane": "sent", "applied": True, **fields}


async def test_every_message_of_a_record_is_a_receipt_for_its_sender(scene: Scene) -> None:
    change = persisted("ann", 1, lane="edited", applied=False, event_id="edit", correlation_id="c3")
    assert await scene.receipts_of(saved(persisted("ann", 1), persisted("bob", 2), change)) == [
        (channel_of(TENANT, "ann"), "c1", receipt(1)),
        (channel_of(TENANT, "bob"), "c2", receipt(2)),
        (channel_of(TENANT, "ann"), "c3", receipt(1, lane="edited", applied=False)),
    ]


async def test_record_of_the_first_version_is_a_receipt_under_the_correlation_id_of_its_headers(scene: Scene) -> None:
    plain = saved_in_version_1("ann", message_id="m1", seq=1)
    ignored = saved_in_version_1("bob", message_id="m2", seq=2, lane="edited", applied=False)
    assert await scene.receipts_of(plain, ignored) == [
        (channel_of(TENANT, "ann"), CORRELATION, receipt(1)),
        (channel_of(TENANT, "bob"), CORRELATION, receipt(2, lane="edited", applied=False)),
    ]


async def test_messages_named_again_in_another_record_are_the_same_receipts_and_numbers(scene: Scene) -> None:
    first, second, third = persisted("ann", 1), persisted("bob", 2), persisted("ann", 3)
    before = await scene.receipts_of(saved(first, second), saved(third))
    seqs = {key: row["persisted"]["seq"] for key, row in (await scene.rows()).items()}
    assert await scene.receipts_of(saved(first), saved(second, third)) == before
    assert {key: row["persisted"]["seq"] for key, row in (await scene.rows()).items()} == seqs
    assert seqs == {"room:ann:": 3, "room:bob:": 2}
