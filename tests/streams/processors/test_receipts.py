"""The `receipts` processor pushes the cursors that a batch moved, in one push for each conversation."""

from typing import Any

import msgspec
import pytest

from core.ports.documents import TableGeneration
from projections.receipts import receipt_rows
from schemas import events
from schemas.bounds import CURSOR_MEMBERS
from schemas.envelope import Record
from schemas.wire.frames import CURSORS
from streams.processors.receipts import Receipts
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, stored

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
        message_id="",
        sender="",
        seq=seq,
        stage=stage,
        by=by,
        device=device,
    )
    return encoded(event, f"{room} {by} {stage} {seq} {device}", by)


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
