"""A send is answered when it has reached its level, or after some seconds, and never with too high a level."""

import asyncio
from asyncio import Future
from typing import Any

import pytest

from edge.socket.commands import wait_for
from edge.socket.node import Node
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT
from streams.log.memory import MemoryLog
from tests.edge.socket.asking import come, do, said
from tests.edge.socket.delivery.test_cursors import heard
from tests.edge.socket.world import Person, World, room, sent_head
from tests.eventually import eventually


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a timeout that is never reached."""
    monkeypatch.setattr(wait_for, "WAIT_TIMEOUT_S", 3_600.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a short timeout."""
    monkeypatch.setattr(wait_for, "WAIT_TIMEOUT_S", 0.2)


async def begin(who: Person, here: str, wait_for: str, key: str = "k", *, retry: bool = False) -> int:
    asked = {"conversation_id": here, "client_msg_id": key, "text": key, "wait_for": wait_for}
    return await who.say("message:send", retry=retry, **asked)


async def level(who: Person, number: int) -> str:
    answer = await eventually(lambda: who.reply(number) or False)
    assert answer["type"] == "ack", answer
    return str(answer["data"]["level"])


async def kept(found: World, here: str, most: int = 1) -> None:
    await eventually(lambda: sent_head(found, here) == most)


async def marked(found: World, here: str, who: str, stage: str) -> None:
    """Wait until the read model has this stage of a user."""
    rows = found.documents._rows["receipts", "receipts", 1]
    await eventually(lambda: stage in rows[f"{here}:{who}:"])


async def over(who: Person, number: int) -> str:
    """Return the level that is answered if the wait ends now."""
    assert who.reply(number) is None
    assert who.client is not None
    who.node.flush(who.client)
    return await level(who, number)


async def receipt(who: Person) -> None:
    await eventually(lambda: who.of("receipt"))


async def moved(who: Person, user: str, seq: int) -> None:
    """Wait for the push that a user has it up to this number."""
    await eventually(lambda: seq in [delivered for _, delivered in heard(who, user)])


async def test_send_waits_for_every_stage(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    assert await level(ann, await begin(ann, here, "accepted", "1")) == "accepted"
    assert await level(ann, await begin(ann, here, "persisted", "2")) == "persisted"
    third = await begin(ann, here, "delivered", "3")
    await kept(found, here, 3)
    await receipt(ann)
    assert ann.reply(third) is None
    await do(ben, "message:delivered", here, seq=3)
    assert await level(ann, third) == "delivered"
    fourth = await begin(ann, here, "read", "4")
    await kept(found, here, 4)
    await do(ben, "message:delivered", here, seq=4, device="phone")
    await moved(ann, "ben", 4)
    assert ann.reply(fourth) is None
    await do(ben, "message:read", here, seq=4)
    assert await level(ann, fourth) == "read"
    assert not node._waits._waits


async def test_read_counts_as_delivered(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    number = await begin(ann, here, "delivered")
    await kept(found, here)
    await do(ben, "message:read", here, seq=1)
    assert await level(ann, number) == "read"


async def test_cursor_beyond_a_message_covers_it(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    number = await begin(ann, here, "read", "1")
    await said(ann, here, "2")
    await kept(found, here, 2)
    await do(ben, "message:read", here, seq=2)
    assert await level(ann, number) == "read"


async def test_timeout_is_answered_with_the_reached_level(running: tuple[World, Node], hasty: None) -> None:
    ann, _ = await come(running[1], "ann", "ben")
    here = await room(ann, "ben")
    assert await level(ann, await begin(ann, here, "read")) == "persisted"


async def test_lost_receipt_delays_the_answer_and_keeps_it_true(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    found.bus.lose = True
    number = await begin(ann, here, "read")
    await kept(found, here)
    await do(ben, "message:delivered", here, seq=1)
    await marked(found, here, "ben", "delivered")
    assert await over(ann, number) == "delivered"
    assert [one["data"]["stage"] for one in ann.of("receipt")] == []


async def test_answer_has_only_known_level_during_store_outage(running: tuple[World, Node], hasty: None) -> None:
    found, node = running
    ann, _ = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    found.bus.lose = True
    found.documents.down = True
    assert await level(ann, await begin(ann, here, "persisted")) == "accepted"


async def test_senders_own_devices_do_not_count(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, also = await come(node, "ann", "ann")
    here = await room(ann, "ben")
    number = await begin(ann, here, "delivered")
    await kept(found, here)
    await do(also, "message:read", here, seq=1)
    await do(also, "message:delivered", here, seq=1, device="phone")
    for stage in ("delivered", "read"):
        await marked(found, here, "ann", stage)
    assert await over(ann, number) == "persisted"


async def test_later_member_does_not_count(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, eve = await come(node, "ann", "eve")
    here = await room(ann)
    number = await begin(ann, here, "delivered", "1")
    await kept(found, here)
    await do(ann, "conversation:add-participants", here, participants=["eve"])
    await eventually(lambda: eve.lane("conversation", here) == [2])
    await said(ann, here, "2")
    await do(eve, "message:delivered", here, seq=2)
    await moved(ann, "eve", 2)
    assert await over(ann, number) == "persisted"


async def test_repeat_is_answered_with_the_known_level(running: tuple[World, Node], patient: None) -> None:
    _, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    assert await level(ann, await begin(ann, here, "persisted")) == "persisted"
    await do(ben, "message:delivered", here, seq=1)
    await moved(ann, "ben", 1)
    assert await level(ann, await begin(ann, here, "delivered", retry=True)) == "delivered"
    assert await level(ann, await begin(ann, here, "delivered")) == "delivered"
    assert await level(ann, await begin(ann, here, "accepted", retry=True)) == "persisted"


class Slow:
    """A log that acknowledges appends late: receipts come first."""

    def __init__(self, log: MemoryLog) -> None:
        self._append = log.append
        self.held: list[tuple[Future[int], Future[int]]] = []

    def append(self, record: Record) -> Future[int]:
        future = self._append(record)
        if record.topic != MESSAGE_SENT:
            return future
        late: Future[int] = asyncio.get_running_loop().create_future()
        self.held.append((late, future))
        return late

    def release(self) -> None:
        for late, future in self.held:
            late.set_result(future.result())


async def test_receipts_may_come_before_the_append_is_acknowledged(
    running: tuple[World, Node], patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    slow = Slow(found.log)
    monkeypatch.setattr(found.log, "append", slow.append)
    number = await begin(ann, here, "read")
    await kept(found, here)
    await do(ben, "message:read", here, seq=1)
    await moved(ann, "ben", 1)
    assert ann.reply(number) is None
    slow.release()
    assert await level(ann, number) == "read"


async def test_waiting_command_does_not_block_a_recheck(running: tuple[World, Node], patient: None) -> None:
    found, node = running
    ann, _ = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    number = await begin(ann, here, "read")
    await kept(found, here)
    absent: dict[str, Any] = {"message_id": "6f1d1f8a-0000-5000-8000-00000000000f", "text": "x"}
    assert await do(ann, "message:edit", here, **absent) == "message_not_found"
    assert ann.reply(number) is None


async def test_disconnected_session_stops_waiting(running: tuple[World, Node], patient: None) -> None:
    _, node = running
    ann, _ = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await begin(ann, here, "read")
    await eventually(lambda: bool(ann.client and ann.client.tasks))
    ann.go()
    await eventually(lambda: not node._waits._waits and not node._waits._tasks)
