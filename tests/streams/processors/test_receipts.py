"""The `receipts` processor tells senders of what newly reached a member, once, and only of what was the member's."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from core.ports.documents import Place, Table
from projections import conversations, messages, receipts
from projections.generations import Pointer, replace_pointer
from schemas import events, ids
from schemas.envelope import Record
from streams.processors import covering
from streams.processors.conversations import Conversations
from streams.processors.messages import Messages
from streams.processors.receipts import Receipts
from streams.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, joined, lying, opened, said

ROOM = "room"


class Scene:
    """Messages and people as their processors saved them, and the worker of receipts; one partition each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.messages = Worker(Messages(world.documents), world.documents, world.kept, world.health)
        self.people = Worker(Conversations(world.documents), world.documents, world.kept, world.health)
        self.receipts = Worker(Receipts(world.documents), world.documents, world.kept, world.health)
        self.read = 0
        self.number = 0

    async def begin(self) -> "Scene":
        for worker in (self.messages, self.people, self.receipts):
            await worker.begin(1, epoch=1)
        return self

    async def talk(self, *senders: str, begins: int = 1) -> None:
        """One message of each, from number `begins` on."""
        records = [said(ROOM, n, sender=sender) for n, sender in enumerate(senders, start=begins)]
        await self.messages.work([lying(record, begins - 1 + at) for at, record in enumerate(records)])

    async def gather(self, *records: Record) -> None:
        await self.people.work([lying(record, at) for at, record in enumerate(records)])

    async def reach(self, *marks: tuple[str, str, int], device: str = "") -> list[tuple[str, str, str, int]]:
        """Work these marks as one batch; who was told what of whom: `(to, by, stage, seq)`."""
        self.world.kept.pushes.clear()
        batch = [lying(reached(*mark, device=device), self.read + at) for at, mark in enumerate(marks)]
        self.read += len(batch)
        await self.receipts.work(batch)
        return self.told()

    def told(self) -> list[tuple[str, str, str, int]]:
        found = []
        for push in self.world.kept.pushes:
            data: dict[str, Any] = msgspec.json.decode(push.frame)["data"]
            assert (push.model, push.seq, data["applied"], data["lane"]) == ("receipts", data["seq"], True, "sent")
            found.append((push.to, data["by"], data["stage"], data["seq"]))
        return found

    async def rows(self) -> dict[str, Any]:
        return {row["_id"]: row for row in await self.world.documents.scan(Place(receipts.ROWS, 1))}


def reached(by: str, stage: events.Stage, seq: int, device: str = "") -> Record:
    event = events.MessageDelivered(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id="",
        sender="",
        seq=seq,
        stage=stage,
        by=by,
        device=device,
    )
    return encoded(event, f"{by} {stage} {seq} {device}", by)


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    found = await Scene(world).begin()
    await found.gather(opened(ROOM, "bob", "cy"))
    yield found


async def test_each_sender_is_told_of_their_newest_message_that_reached_somebody(scene: Scene) -> None:
    await scene.talk("ann", "bob", "ann", "cy", "bob")
    assert await scene.reach(("cy", "delivered", 5)) == [("ann", "cy", "delivered", 3), ("bob", "cy", "delivered", 5)]
    first, _ = (msgspec.json.decode(push.frame) for push in scene.world.kept.pushes)
    assert first["type"] == "receipt"
    assert first["data"]["message_id"] == ids.message_id(TENANT, ROOM, "ann", f"{ROOM}-3")


async def test_what_was_covered_is_not_told_again(scene: Scene) -> None:
    await scene.talk("ann", "ann", "bob", "ann")
    await scene.reach(("cy", "read", 2))
    assert await scene.reach(("cy", "read", 2)) == []
    assert await scene.reach(("cy", "read", 1)) == []
    assert await scene.reach(("cy", "read", 3)) == [("bob", "cy", "read", 3)]
    assert await scene.reach(("cy", "read", 4)) == [("ann", "cy", "read", 4)]


async def test_a_second_device_says_nothing_new_but_keeps_its_own_cursor(scene: Scene) -> None:
    await scene.talk("ann", "ann", "ann")
    assert await scene.reach(("bob", "delivered", 2), device="phone") == [("ann", "bob", "delivered", 2)]
    assert await scene.reach(("bob", "delivered", 1), device="desk") == []
    assert await scene.reach(("bob", "delivered", 3), device="desk") == [("ann", "bob", "delivered", 3)]
    seqs = {key: row["delivered"]["seq"] for key, row in (await scene.rows()).items()}
    assert seqs == {"room:bob:": 3, "room:bob:phone": 2, "room:bob:desk": 3}


async def test_nobody_is_told_of_themselves(scene: Scene) -> None:
    await scene.talk("ann", "bob")
    assert await scene.reach(("ann", "read", 2)) == [("bob", "ann", "read", 2)]


async def test_who_came_later_has_got_nothing_from_before(scene: Scene) -> None:
    await scene.talk("ann", "bob", "ann")
    await scene.people.work([lying(joined(ROOM, "eve", at_seq=2), 1)])
    assert await scene.reach(("eve", "read", 3)) == [("ann", "eve", "read", 3)]


async def test_what_was_still_written_for_somebody_who_left_has_reached_them(scene: Scene) -> None:
    """Whoever wrote messages 2 and 3 did not know yet that cy was out: they are on cy's screen all the same."""
    await scene.talk("ann", "bob", "ann")
    out = events.ParticipantsRemoved(
        tenant=TENANT, at=AT, conversation_id=ROOM, actor="ann", participants=["cy"], at_seq=1
    )
    await scene.people.work([lying(encoded(out, "cy is out", "ann"), 1)])
    assert await scene.reach(("cy", "read", 3)) == [("ann", "cy", "read", 3), ("bob", "cy", "read", 2)]


async def test_who_is_not_known_to_be_in_it_yet_tells_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covering, "POLL_S", 0.0)
    await scene.talk("ann")
    assert await scene.reach(("eve", "read", 1)) == []


async def test_so_many_messages_before_a_cursor_are_looked_at(scene: Scene) -> None:
    most = covering.LOOKED_AT
    await scene.talk("bob", *["ann"] * most)
    assert await scene.reach(("cy", "read", most + 1)) == [("ann", "cy", "read", most + 1)]


async def test_each_member_of_a_batch_is_looked_at_within_their_own_range(scene: Scene) -> None:
    await scene.talk(*["ann", "bob"] * 200)
    told = await scene.reach(("cy", "read", 400), ("bob", "read", 3), ("cy", "delivered", 2))
    assert told == [
        ("ann", "cy", "read", 399),
        ("bob", "cy", "read", 400),
        ("ann", "bob", "read", 3),
        ("ann", "cy", "delivered", 1),
        ("bob", "cy", "delivered", 2),
    ]


async def test_the_newest_is_told_again_when_its_batch_comes_again(scene: Scene) -> None:
    await scene.talk("ann")
    first = await scene.reach(("bob", "read", 1))
    again = Worker(Receipts(scene.world.documents), scene.world.documents, scene.world.kept, scene.world.health)
    await again.begin(1, epoch=1)
    before = await scene.rows()
    await again.work([lying(reached("bob", "read", 1), 0)])
    assert scene.told() == [*first, *first]
    assert await scene.rows() == before


@pytest.mark.parametrize("lost", [messages.ROWS, conversations.PARTICIPANTS])
async def test_a_table_that_another_model_has_lost_costs_a_hint_and_no_receipt(scene: Scene, lost: Table) -> None:
    await scene.talk("ann")
    scene.world.documents.lose(Place(lost, 1))
    assert await scene.reach(("bob", "read", 1)) == []
    assert list(await scene.rows()) == ["room:bob:"]


async def test_a_generation_that_is_not_live_looks_at_nothing(scene: Scene) -> None:
    await scene.talk("ann")
    documents = scene.world.documents
    assert await replace_pointer(documents, receipts.MODEL, Pointer(live=2, newest=2), Pointer())
    assert await scene.reach(("bob", "read", 1)) == []
    assert list(await scene.rows()) == ["room:bob:"]


def test_ranges_that_meet_are_read_as_one() -> None:
    assert covering.joined([range(5, 9), range(1, 3), range(3, 4), range(8, 12)]) == [range(1, 4), range(5, 12)]
