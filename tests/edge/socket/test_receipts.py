"""Delivery receipts of devices: one record a second each, lost only by a crash."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.ports.event_log import OutcomeUnknown
from edge.socket.commands import delivery_receipts
from edge.socket.node import Node
from schemas.envelope import Record
from schemas.topics import MESSAGE_DELIVERED, MESSAGE_REJECTED
from tests.edge.socket.asking import come, do, said
from tests.edge.socket.world import Person, World, room, sent_head, world
from tests.eventually import eventually

ABSENT = "6f1d1f8a-0000-5000-8000-00000000000f"


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set an interval that does not end by itself."""
    monkeypatch.setattr(delivery_receipts, "APPEND_INTERVAL_S", 3_600.0)


def bodies(found: World, topic: str) -> list[dict[str, Any]]:
    """Return the records of a topic, in the order of each partition."""
    lying = (record for at, held in found.log.storage.records.items() if at.topic == topic for record in held)
    return [msgspec.json.decode(record.value or b"") for record in lying]


def records(found: World) -> list[tuple[str, str, int]]:
    """Return the receipts in the log: `(by, device, seq)`."""
    every = bodies(found, MESSAGE_DELIVERED)
    return [(one["by"], one.get("device", ""), one["seq"]) for one in every if one["stage"] == "delivered"]


async def talk(found: World, who: Person, here: str, most: int) -> None:
    for n in range(1, most + 1):
        await said(who, here, str(n))
    await eventually(lambda: sent_head(found, here) == most)


async def got(who: Person, here: str, seq: int, **more: Any) -> str:
    return await do(who, "message:delivered", here, seq=seq, **more)


async def test_only_furthest_receipt_of_a_second_is_appended(running: tuple[World, Node], endless: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await talk(found, ann, here, 5)
    assert await got(ben, here, 1) == "accepted"
    numbers = [await ben.say("message:delivered", conversation_id=here, seq=seq) for seq in (2, 4, 3)]
    assert await got(ben, here, 1) == "accepted", "what is in the log already is answered at once"
    assert [ben.reply(number) for number in numbers] == [None] * 3
    assert records(found) == [("ben", "", 1)]
    ben.go()
    await eventually(lambda: all(ben.reply(number) for number in numbers))
    assert records(found) == [("ben", "", 1), ("ben", "", 4)]


async def test_receipt_is_appended_after_a_second(running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_receipts, "APPEND_INTERVAL_S", 0.05)
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await talk(found, ann, here, 3)
    for seq in (1, 2):
        await ben.say("message:delivered", conversation_id=here, seq=seq)
    assert await got(ben, here, 3) == "accepted"
    assert records(found) == [("ben", "", 1), ("ben", "", 3)]
    await eventually(lambda: not node._signals._receipts._cursors)


async def test_each_device_conversation_and_user_has_its_own_time(running: tuple[World, Node], endless: None) -> None:
    found, node = running
    ann, ben, cy = await come(node, "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    await talk(found, ann, here, 2)
    await got(ben, here, 1, device="phone")
    await got(ben, here, 2, device="desk")
    await got(ben, here, 2)
    await got(cy, here, 1)
    assert sorted(records(found)) == [
        ("ben", "", 2),
        ("ben", "desk", 2),
        ("ben", "phone", 1),
        ("cy", "", 1),
    ]


async def test_receipts_beyond_the_limit_are_appended_at_once(running: tuple[World, Node], endless: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await talk(found, ann, here, 2)
    await got(ben, here, 1)
    numbers = [
        await ben.say("message:delivered", conversation_id=here, seq=2) for _ in range(delivery_receipts.MAX_WAITING)
    ]
    await eventually(lambda: all(ben.reply(number) for number in numbers))
    assert records(found) == [("ben", "", 1), ("ben", "", 2)]


async def test_waiting_receipt_is_appended_when_the_node_stops(tmp_path: Path, endless: None) -> None:
    async with world(tmp_path) as (found, node):
        ann, ben = await come(node, "ann", "ben")
        here = await room(ann, "ben")
        await talk(found, ann, here, 2)
        await got(ben, here, 1)
        waits = await ben.say("message:delivered", conversation_id=here, seq=2)
        await node.stop()
        assert ben.reply(waits)
        assert records(found) == [("ben", "", 1), ("ben", "", 2)]


async def test_waiting_command_does_not_block_a_recheck(running: tuple[World, Node], endless: None) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await talk(found, ann, here, 2)
    await got(ben, here, 1)
    waits = await ben.say("message:delivered", conversation_id=here, seq=2)
    assert await do(ben, "message:edit", here, message_id=ABSENT, text="x") == "message_not_found"
    assert ben.reply(waits) is None


async def test_number_beyond_the_last_message_means_the_last(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    assert await got(ben, here, 7) == "persisted", "there is nothing to have got"
    await talk(found, ann, here, 2)
    assert await got(ben, here, 2**53) == "accepted"
    assert records(found) == [("ben", "", 2)]


async def test_receipt_of_non_member_is_refused_and_recorded(running: tuple[World, Node]) -> None:
    found, node = running
    ann, ben, eve = await come(node, "ann", "ben", "eve")
    here = await room(ann, "ben")
    await talk(found, ann, here, 1)
    assert await got(eve, here, 1) == "not_a_participant"
    assert await got(eve, ABSENT, 1) == "conversation_not_found"
    await do(ben, "conversation:leave", here)
    assert await got(ben, here, 1) == "not_a_participant"
    refused = [(one["user_id"], one["command"], one["code"]) for one in bodies(found, MESSAGE_REJECTED)]
    assert sorted(refused) == [
        ("ben", "message:delivered", "not_a_participant"),
        ("eve", "message:delivered", "conversation_not_found"),
        ("eve", "message:delivered", "not_a_participant"),
    ]
    assert records(found) == []


async def test_failed_append_of_receipt_is_answered_and_repeat_appends(
    running: tuple[World, Node], endless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node = running
    ann, ben = await come(node, "ann", "ben")
    here = await room(ann, "ben")
    await talk(found, ann, here, 2)

    def fails(_: Record) -> asyncio.Future[int]:
        failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        failed.set_exception(OutcomeUnknown("no answer"))
        return failed

    with monkeypatch.context() as broken:
        broken.setattr(found.log, "append", fails)
        assert await got(ben, here, 2) == "outcome_unknown"
    number = await ben.say("message:delivered", conversation_id=here, seq=2)
    node.flush(ben.client)  # type: ignore[arg-type]
    answer = await eventually(lambda: ben.reply(number) or False)
    assert answer["data"] == {"conversation_id": here, "level": "accepted"}
    assert records(found) == [("ben", "", 2)]
