"""Typing is pushed to the other members of the conversation in time, at a limited rate, and stored nowhere."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.presence import typing_service
from schemas.envelope import Known, read
from schemas.wire.frames import TYPING, Push, push
from schemas.wire.views import TypingView
from tests.edge.socket.asking import come, do, pushed_change
from tests.edge.socket.nodes import Nodes, nodes
from tests.edge.socket.world import Person, room, send
from tests.eventually import eventually


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten all intervals."""
    monkeypatch.setattr(typing_service, "MIN_INTERVAL_S", 0.1)
    monkeypatch.setattr(typing_service, "REPEAT_INTERVAL_S", 0.5)
    monkeypatch.setattr(typing_service, "SHOWN_S", 0.8)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with nodes(tmp_path, 60_000, 60_000) as found:
        yield found


def shown(who: Person, user: str = "ann") -> list[bool]:
    """Return whether a user types, as it was pushed to a person in order."""
    return [frame["data"]["typing"] for frame in who.of("typing") if frame["data"]["user_id"] == user]


async def types(who: Person, here: str, how: str = "start") -> str:
    return await do(who, f"typing:{how}", here)


def records(found: Nodes, topic: str | None = None) -> list[Any]:
    held = found.world.log.storage.records.items()
    return [record for at, part in held if topic in {None, at.topic} for record in part]


# Recipients


async def test_typing_is_pushed_to_all_devices_of_other_members(running: Nodes) -> None:
    one, other = running.all
    ann, ben = await come(one, "ann", "ben")
    here = await room(ann, "ben", "cy")
    cy, phone = await come(other, "cy", "ben")
    assert await types(ann, here) == "accepted"
    for who in (ben, cy, phone):
        await eventually(lambda who=who: shown(who) == [True])  # type: ignore[misc]
    (frame,) = cy.of("typing")
    assert frame == {
        "type": "typing",
        "data": {"conversation_id": here, "user_id": "ann", "typing": True, "ttl_ms": 800},
    }
    await types(ann, here, "stop")
    await eventually(lambda: shown(cy) == [True, False])
    assert cy.of("typing")[-1]["data"]["ttl_ms"] == 0


async def test_typing_is_not_pushed_to_its_user_or_non_members(running: Nodes) -> None:
    ann, ben, phone, eve = await come(running.all[0], "ann", "ben", "ann", "eve")
    here = await room(ann, "ben")
    await room(ben, "eve")
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True])
    assert [one.of("typing") for one in (ann, phone, eve)] == [[], [], []]


async def test_former_member_neither_types_nor_receives_typing(running: Nodes) -> None:
    ann, ben, cy = await come(running.all[0], "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    await do(ann, "conversation:remove-participants", here, participants=["cy"])
    await pushed_change(cy, here, 2)
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True])
    assert cy.of("typing") == []
    assert await types(cy, here) == "not_a_participant"


async def test_typing_of_a_removed_member_is_not_pushed(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben", "cy")
    await do(ann, "conversation:remove-participants", here, participants=["cy"])
    await pushed_change(ben, here, 2)
    channel = running.all[0].hub.conversations.get(here)
    frame = push("typing", TypingView(conversation_id=here, user_id="cy", typing=True, ttl_ms=800))
    late = Push(model="", generation=0, conversation_id=here, frame=frame, lane=TYPING, by="cy")
    assert isinstance(channel, ConversationChannel)
    assert running.all[0]._signals.try_deliver(late, running.all[0].hub.conversations.get)
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True])
    assert shown(ben, "cy") == []


async def test_typing_ends_when_its_user_is_removed_or_leaves(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_service, "SHOWN_S", 60.0)
    one, other = running.all
    ann, ben, cy = await come(one, "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    (phone,) = await come(other, "ann")
    for who in (ben, cy):
        await types(who, here)
    for seen in (ann, phone):
        await eventually(lambda seen=seen: shown(seen, "ben") == shown(seen, "cy") == [True])  # type: ignore[misc]
    await do(ann, "conversation:remove-participants", here, participants=["ben"])
    await do(cy, "conversation:leave", here)
    for seen in (ann, phone):
        await eventually(lambda seen=seen: shown(seen, "ben") == shown(seen, "cy") == [True, False])  # type: ignore[misc]
    assert shown(ben, "ben") == shown(cy, "cy") == []


async def test_typing_ends_with_a_removal_while_the_presence_server_is_down(
    running: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing_service, "SHOWN_S", 60.0)
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    await types(ben, here)
    await eventually(lambda: shown(ann, "ben") == [True])
    running.people.down = True
    await do(ann, "conversation:remove-participants", here, participants=["ben"])
    await eventually(lambda: shown(ann, "ben") == [True, False])


async def test_ended_typing_is_not_ended_again_by_a_leave(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    await types(ben, here)
    await eventually(lambda: shown(ann, "ben") == [True])
    await types(ben, here, "stop")
    await eventually(lambda: shown(ann, "ben") == [True, False])
    await do(ben, "conversation:leave", here)
    await pushed_change(ann, here, 2)
    assert shown(ann, "ben") == [True, False]


async def test_rejection_is_rechecked_and_recorded(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, eve = await come(running.all[0], "ann", "eve")
    here = await room(ann, "ben")
    view, proved = running.all[0]._memberships, list[str | None]()
    prove = view.prove

    async def proves(conversation_id: str | None) -> None:
        proved.append(conversation_id)
        await prove(conversation_id)

    monkeypatch.setattr(view, "prove", proves)
    assert await types(eve, here) == "not_a_participant"
    assert await types(eve, here, "stop") == "not_a_participant"
    assert await types(eve, "00000000-0000-5000-8000-000000000000") == "conversation_not_found"
    assert proved == [here, here, "00000000-0000-5000-8000-000000000000"]
    rejected = [
        read("message.rejected", one.key, one.value, one.headers) for one in records(running, "message.rejected")
    ]
    events = [one.event for one in rejected if isinstance(one, Known)]
    assert [getattr(one, "command", "") for one in events] == ["typing:start", "typing:stop", "typing:start"]


async def test_typing_is_not_logged(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    before = len(records(running))
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True])
    await types(ann, here, "stop")
    await eventually(lambda: shown(ben) == [True, False])
    assert len(records(running)) == before


# Rate


async def test_continued_typing_is_announced_again_in_time(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_service, "SHOWN_S", 60.0)
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    said: list[str] = []

    async def goes_on() -> None:
        said.append(await types(ann, here))
        assert shown(ben) == [True, True, True]

    await eventually(goes_on)
    assert len(said) > 10


async def test_typing_continued_on_another_device_is_announced_once(running: Nodes) -> None:
    desk, phone = [await Person(node, "ann").come() for node in running.all]
    (ben,) = await come(running.all[1], "ben")
    here = await room(desk, "ben")
    await pushed_change(ben, here, 1)
    await types(desk, here)
    await eventually(lambda: shown(ben) == [True])
    await types(phone, here)
    services = [node._signals._typing for node in running.all]
    await eventually(lambda: all(one.announced for service in services for one in service._typists.values()))
    assert shown(ben) == [True]
    await types(phone, here, "stop")
    await eventually(lambda: shown(ben) == [True, False])


async def test_alternating_typing_is_announced_at_a_limited_rate_and_correct_at_the_end(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    loop = asyncio.get_running_loop()
    began, turns = loop.time(), itertools.cycle(4 * ["start"] + 3 * ["stop"])

    async def to_and_fro() -> None:
        await types(ann, here, next(turns))
        assert len(shown(ben)) >= 5

    await eventually(to_and_fro)
    assert len(shown(ben)) <= (loop.time() - began) / typing_service.MIN_INTERVAL_S + 2
    await types(ann, here, "stop")
    await eventually(lambda: shown(ben)[-1:] == [False])
    await types(ann, here)
    await eventually(lambda: shown(ben)[-1:] == [True])


async def test_stop_without_start_is_not_announced(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    assert await types(ann, here, "stop") == "accepted"
    assert await types(ben, here) == "accepted"
    await eventually(lambda: shown(ann, "ben") == [True])
    assert shown(ben) == []


async def test_unended_typing_expires(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True])
    await eventually(lambda: len(running.all[0]._signals._typing._typists) == 0)
    await types(ann, here)
    await eventually(lambda: shown(ben) == [True, True])


# Failures


async def test_only_typing_is_dropped_while_the_server_is_down(running: Nodes) -> None:
    ann, ben = await come(running.all[0], "ann", "ben")
    here = await room(ann, "ben")
    running.people.down = True
    assert await types(ann, here) == "accepted"
    await eventually(lambda: running.world.health.counted["typing_dropped"] == 1)
    await send(ann, here, "hi")
    await eventually(lambda: ben.texts() == ["hi"])
    assert shown(ben) == []
    running.people.down = False

    async def announced_again() -> None:
        await types(ann, here)
        assert shown(ben) == [True]

    await eventually(announced_again)


async def test_typing_beyond_the_limit_is_not_announced(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_service, "MAX_TYPING", 1)
    ann, ben, cy = await come(running.all[0], "ann", "ben", "cy")
    here = await room(ann, "ben", "cy")
    await types(ann, here)
    assert await types(ben, here) == "accepted"
    await eventually(lambda: shown(cy) == [True])
    assert running.world.health.counted["typing_dropped"] == 1
    assert shown(cy, "ben") == []
