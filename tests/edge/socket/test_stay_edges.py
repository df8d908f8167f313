"""A message that was acknowledged before a member was added or removed lies before that boundary of their interval,
however far behind the read models are.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.domain.member import Interval
from edge.socket.node import Node
from projections import progress
from tests.edge.socket.delayed import Delayed, HeldTail, without
from tests.edge.socket.world import Person, room, send
from tests.eventually import eventually

CHANGES: dict[str, dict[str, Any]] = {
    "conversation:add-participants": {"participants": ["cy"]},
    "conversation:remove-participants": {"participants": ["ben"]},
    "conversation:leave": {},
}


@pytest.fixture
async def delayed(tmp_path: Path) -> AsyncIterator[tuple[Delayed, Node]]:
    async with without(tmp_path, "messages") as found:
        node = found.node()
        await node.start()
        try:
            yield found, node
        finally:
            await node.stop()


async def once_read(found: Delayed, asking: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
    """Start the message processor once a command waits for it. Return the answer."""
    for _ in range(50):
        await asyncio.sleep(0)
    assert not asking.done()
    found.read("messages")
    return await asking


async def stays(found: Delayed, here: str, user: str, n: int) -> tuple[Interval, ...]:
    """Return the intervals of a user once the view has folded change `n`."""
    await found.memberships.wait_for(here, n)
    view = found.memberships.get(here)
    assert view is not None
    return view.members[user].intervals


async def test_acknowledged_message_is_hidden_from_a_later_member(delayed: tuple[Delayed, Node]) -> None:
    found, node = delayed
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    asking = asyncio.create_task(ann.ask("conversation:add-participants", conversation_id=here, participants=["cy"]))
    assert (await once_read(found, asking))["type"] == "ack"
    assert await stays(found, here, "cy", 2) == (Interval(3),)


async def test_acknowledged_message_stays_visible_to_removed_member(delayed: tuple[Delayed, Node]) -> None:
    found, node = delayed
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, "1", "2")
    asking = asyncio.create_task(
        ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    )
    assert (await once_read(found, asking))["type"] == "ack"
    assert [(stay.from_seq, stay.until_seq) for stay in await stays(found, here, "ben", 2)] == [(1, 2)]


async def test_leaving_member_keeps_their_last_message(delayed: tuple[Delayed, Node]) -> None:
    found, node = delayed
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ben, here, "1", "farewell")
    asking = asyncio.create_task(ben.ask("conversation:leave", conversation_id=here))
    assert (await once_read(found, asking))["type"] == "ack"
    assert [(stay.from_seq, stay.until_seq) for stay in await stays(found, here, "ben", 2)] == [(1, 2)]


async def test_unanswered_earlier_message_counts_for_the_interval(delayed: tuple[Delayed, Node]) -> None:
    found, node = delayed
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await ann.say("message:send", conversation_id=here, client_msg_id="1", text="1")
    asking = asyncio.create_task(ann.ask("conversation:add-participants", conversation_id=here, participants=["cy"]))
    assert (await once_read(found, asking))["type"] == "ack"
    assert await stays(found, here, "cy", 2) == (Interval(2),)


async def test_unknown_interval_end_is_refused_not_guessed(
    delayed: tuple[Delayed, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "CATCH_UP_TIMEOUT_S", 0.05)
    found, node = delayed
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    for kind, data in CHANGES.items():
        answer = await (ben if kind == "conversation:leave" else ann).ask(kind, conversation_id=here, **data)
        assert (answer["error"]["code"], answer["error"]["retry"]) == ("not_ready", True)
    found.read("messages")
    answer = await ann.ask("conversation:add-participants", conversation_id=here, participants=["cy"])
    assert answer["type"] == "ack"
    await eventually(lambda: ann.lane("conversation", here) == [1, 2])


async def test_command_without_interval_change_waits_for_no_messages(delayed: tuple[Delayed, Node]) -> None:
    _, node = delayed
    ann = await Person(node, "ann").come()
    here = await room(ann, "ben")
    await send(ann, here, "1")
    for kind, data in (
        ("conversation:set-role", {"participants": ["ben"], "role": "admin"}),
        ("conversation:update", {"title": "Plans"}),
    ):
        assert (await ann.ask(kind, conversation_id=here, **data))["type"] == "ack"


async def read(who: Person, here: str, **about: int) -> list[str]:
    """Return the texts of a page of the history."""
    answer = await who.ask("message:history", conversation_id=here, **about)
    return [one["text"] for one in answer["data"]["messages"]]


@asynccontextmanager
async def one_behind(folder: Path) -> AsyncIterator[tuple[Delayed, HeldTail, Node, Node]]:
    """Run a system with two nodes, of which the second has a view that can be held."""
    async with without(folder) as found:
        tail = HeldTail(found.log, found.documents)
        found.run(tail.run())
        await eventually(lambda: tail.fresh)
        fresh, behind = found.node("fresh"), found.node("behind", memberships=tail)
        for node in (fresh, behind):
            await node.start()
        yield found, tail, fresh, behind
        for node in (fresh, behind):
            await node.stop()


async def test_message_pushed_before_a_known_removal_stays_readable(tmp_path: Path) -> None:
    async with one_behind(tmp_path) as (found, tail, fresh, behind):
        ann, ben = await Person(fresh, "ann").come(), await Person(behind, "ben").come()
        here = await room(ann, "ben")
        await eventually(lambda: ben.lane("conversation", here) == [1])
        await send(ann, here, "1", "2")
        tail.held = []
        out = await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
        assert out["type"] == "ack"
        await send(ben, here, "3", "4")
        await eventually(lambda: ben.texts() == ["1", "2", "3", "4"])
        await send(ann, here, "5")
        await eventually(lambda: tail.held or False)
        tail.let_go()
        await tail.prove(here)
        assert [(stay.until_seq, stay.ended_n) for stay in await stays(found, here, "ben", 2)] == [(2, 2)]
        await eventually(lambda: ann.texts()[-1:] == ["5"])
        assert ben.texts() == ["1", "2", "3", "4"]
        assert await read(ben, here) == ["1", "2", "3", "4"]
        assert await read(ben, here, after=2) == ["3", "4"]
        for said in ben.of("message:new"):
            about = {"conversation_id": here, "message_id": said["data"]["message_id"]}
            for kind in ("message:get", "message:thread"):
                assert (await ben.ask(kind, **about))["type"] == "ack"
        hidden = ann.of("message:new")[-1]["data"]["message_id"]
        answer = await ben.ask("message:get", conversation_id=here, message_id=hidden)
        assert answer["error"]["code"] == "message_not_found"
        assert (await ben.ask("conversation:get", conversation_id=here))["data"]["seq"] == 4
        again = await Person(fresh, "ben").come()
        assert (await again.ask("sync", positions={here: {}}))["data"]["positions"][here]["sent"] == 4
        assert again.texts() == ["1", "2", "3", "4"]


async def test_stale_view_does_not_join_removed_member(
    tmp_path: Path,
) -> None:
    async with one_behind(tmp_path) as (_, tail, fresh, behind):
        ann, ben = await Person(fresh, "ann").come(), await Person(behind, "ben").come()
        await Person(behind, "eve").come()  # so the conversation is loaded
        here = await room(ann, "eve")
        await tail.prove(here)
        tail.held = []
        for n, change in enumerate(("add", "remove"), 1):
            await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
            await eventually(lambda: len(tail.held or ()) == n)  # noqa: B023 - awaited here
        await send(ann, here, "not for ben")
        await eventually(lambda: ann.texts() == ["not for ben"])
        tail.read_one()
        await eventually(lambda: ben.lane("conversation", here) == [2])
        assert ben.texts() == []
        tail.let_go()
        await eventually(lambda: ben.lane("conversation", here) == [2, 3])
        assert ben.texts() == []


async def test_view_that_is_loaded_newer_than_the_tail_tells_of_a_stay_that_has_ended(
    tmp_path: Path,
) -> None:
    async with one_behind(tmp_path) as (_, tail, fresh, behind):
        ann, ben = await Person(fresh, "ann").come(), await Person(behind, "ben").come()
        here = await room(ann, "eve")
        await tail.prove(here)
        tail.held = []
        for n, change in enumerate(("add", "remove"), 1):
            await ann.ask(f"conversation:{change}-participants", conversation_id=here, participants=["ben"])
            await eventually(lambda: len(tail.held or ()) == n)  # noqa: B023 - awaited here
        await send(ann, here, "not for ben")
        await eventually(lambda: ann.texts() == ["not for ben"])
        tail.read_one()
        await eventually(lambda: ben.lane("conversation", here) == [2, 3])
        tail.let_go()
        await tail.prove(here)
        await ann.ask("conversation:update", conversation_id=here, title="not for ben")
        await tail.wait_for(here, 4)
        assert (ben.lane("conversation", here), ben.texts()) == ([2, 3], [])
