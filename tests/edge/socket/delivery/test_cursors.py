"""Moved cursors are collected and pushed to all members of the conversation, and answered to queries."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.socket.delivery import cursors
from schemas.wire.frames import CURSORS, Push
from tests.edge.socket.asking import come, do, pushed_change, said, shown
from tests.edge.socket.nodes import Nodes, nodes
from tests.edge.socket.test_conversations import opened_directly
from tests.edge.socket.world import Person, room, sent_head
from tests.eventually import eventually


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the interval between pushes."""
    monkeypatch.setattr(cursors, "PUSH_INTERVAL_S", 0.1)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with nodes(tmp_path, 60_000, 60_000) as found:
        yield found


def heard(who: Person, user: str) -> list[tuple[int, int]]:
    """Return the cursors of a user that `who` was pushed: `(read_seq, delivered_seq)`."""
    every = [one for frame in who.of(CURSORS) for one in frame["data"]["cursors"]]
    return [(one["read_seq"], one["delivered_seq"]) for one in every if one["user_id"] == user]


async def asked(who: Person, here: str) -> dict[str, tuple[int | None, int | None]]:
    """Return the cursors in the answer to `conversation:get`."""
    people = (await shown(who, here))["participants"]
    return {one["user_id"]: (one["read_seq"], one["delivered_seq"]) for one in people}


async def another(owner: Person, *others: str) -> str:
    """Create another group."""
    answer = await owner.ask("conversation:create", participants=list(others), client_key="other")
    here: str = answer["data"]["conversation_id"]
    await eventually(lambda: owner.lane("conversation", here) == [1])
    return here


async def reads(who: Person, here: str, seq: int, **more: object) -> None:
    assert await do(who, "message:read", here, seq=seq, **more) == "accepted"


async def talk(found: Nodes, who: Person, here: str, most: int) -> None:
    before = sent_head(found.world, here)
    for n in range(most):
        await who.ask("message:send", conversation_id=here, client_msg_id=str(n), text=str(n))
    await eventually(lambda: sent_head(found.world, here) == before + most)


# Recipients


async def test_sender_is_pushed_readers_after_many_later_messages(running: Nodes) -> None:
    one, other = running.all
    ann, bob = await come(one, "ann", "bob")
    here = await room(ann, "bob", "cy")
    (cy,) = await come(other, "cy")
    await talk(running, ann, here, 1)
    await talk(running, bob, here, 120)
    await reads(cy, here, 121)
    for who in (ann, bob):
        await eventually(lambda who=who: heard(who, "cy") == [(121, 121)])  # type: ignore[misc]
        assert await asked(who, here) == {"ann": (0, 0), "bob": (0, 0), "cy": (121, 121)}


async def test_all_devices_of_all_other_members_are_pushed_a_cursor(running: Nodes) -> None:
    ann, desk, bob, phone, eve = await come(running.all[0], "ann", "ann", "bob", "bob", "eve")
    here = await room(ann, "bob")
    await another(ann, "eve")
    await talk(running, ann, here, 2)
    assert await do(bob, "message:delivered", here, seq=2, device="phone") == "accepted"
    await reads(bob, here, 1)
    for who in (ann, desk):
        await eventually(lambda who=who: heard(who, "bob")[-1:] == [(1, 2)])  # type: ignore[misc]
    (first, *_) = ann.of(CURSORS)
    assert first["data"]["conversation_id"] == here
    assert set(first) == {"type", "data"}
    assert [who.of(CURSORS) for who in (bob, phone, eve)] == [[], [], []]


async def test_private_read_is_pushed_to_no_other_user(running: Nodes) -> None:
    ann, bob = await come(running.all[0], "ann", "bob")
    here = await room(ann, "bob")
    await talk(running, ann, here, 3)
    await reads(bob, here, 3, private=True)
    await reads(bob, here, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
    assert (await asked(ann, here))["bob"] == (1, 1)
    assert (await shown(bob, here))["inbox"]["read"] == 3


async def test_removed_member_is_pushed_nothing_and_is_not_shown(running: Nodes) -> None:
    ann, bob, cy = await come(running.all[0], "ann", "bob", "cy")
    here = await room(ann, "bob", "cy")
    await talk(running, ann, here, 2)
    await reads(cy, here, 1)
    await eventually(lambda: heard(ann, "cy") == [(1, 1)])
    await do(ann, "conversation:remove-participants", here, participants=["cy"])
    await pushed_change(cy, here, 2)
    await reads(cy, here, 2)
    await reads(bob, here, 2)
    await eventually(lambda: heard(ann, "bob") == [(2, 2)])
    assert (heard(ann, "cy"), heard(cy, "bob")) == ([(1, 1)], [])
    assert await asked(ann, here) == {"ann": (0, 0), "bob": (2, 2), "cy": (None, None)}
    assert await asked(cy, here) == {"cy": (None, None)}


async def test_returning_member_has_their_old_cursor(running: Nodes) -> None:
    ann, cy = await come(running.all[0], "ann", "cy")
    here = await room(ann, "cy")
    await talk(running, ann, here, 2)
    await reads(cy, here, 2)
    await eventually(lambda: heard(ann, "cy") == [(2, 2)])
    await do(ann, "conversation:remove-participants", here, participants=["cy"])
    await said(ann, here, "without")
    await do(ann, "conversation:add-participants", here, participants=["cy"], client_key="back")
    await pushed_change(ann, here, 3)
    view = await shown(ann, here)
    (back,) = [one for one in view["participants"] if one["user_id"] == "cy"]
    assert (back["read_seq"], back["intervals"]) == (2, [[1, 2], [4, None]])


async def test_own_cursors_are_not_pushed_in_a_conversation_with_oneself(running: Nodes) -> None:
    ann, desk, bob = await come(running.all[0], "ann", "ann", "bob")
    notes, here = await opened_directly(ann, "ann"), await room(ann, "bob")
    for each in (notes, here):
        await talk(running, ann, each, 1)
    await reads(ann, notes, 1)
    await reads(bob, here, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
    assert heard(ann, "ann") == heard(desk, "ann") == []
    assert await asked(ann, notes) == {"ann": (1, 1)}


async def test_reconnected_client_queries_cursors_that_moved_meanwhile(running: Nodes) -> None:
    ann, bob = await come(running.all[0], "ann", "bob")
    here = await room(ann, "bob")
    await talk(running, ann, here, 1)
    ann.go()
    await reads(bob, here, 1)
    await eventually(lambda: running.world.documents._rows["receipts", "receipts", 1][f"{here}:bob:"]["read"])
    (again,) = await come(running.all[1], "ann")
    assert (await asked(again, here))["bob"] == (1, 1)
    assert again.of(CURSORS) == []


# Number of pushes


async def test_members_who_read_together_cause_two_frames(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursors, "PUSH_INTERVAL_S", 3_600.0)
    users = [f"u{n}" for n in range(60)]
    (ann,) = await come(running.all[0], "ann")
    here = await room(ann, *users)
    first, *others = await come(running.all[1], *users)
    await talk(running, ann, here, 1)
    await reads(first, here, 1)
    await eventually(lambda: heard(ann, first.user) == [(1, 1)])
    for who in others:
        await reads(who, here, 1)
    moved = running.all[0]._signals._cursors
    await eventually(lambda: len(moved._pending[here].moved) == len(others))
    assert len(ann.of(CURSORS)) == 1
    monkeypatch.setattr(cursors, "PUSH_INTERVAL_S", 0.0)
    moved._end_interval(here)
    assert all(heard(ann, user) == [(1, 1)] for user in users)
    assert len(ann.of(CURSORS)) == 2


async def test_cursor_waits_for_the_end_of_its_interval(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = await come(running.all[0], "ann", "bob")
    here = await room(ann, "bob")
    await talk(running, ann, here, 2)
    monkeypatch.setattr(cursors, "PUSH_INTERVAL_S", 3_600.0)
    await reads(bob, here, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
    await reads(bob, here, 2)
    moved = running.all[0]._signals._cursors
    await eventually(lambda: moved._pending[here].moved)
    moved._end_interval(here)
    assert heard(ann, "bob") == [(1, 1)]


async def test_large_conversation_pushes_no_cursors_and_answers_queries(
    running: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursors, "CURSOR_MEMBERS", 2)
    ann, bob = await come(running.all[0], "ann", "bob")
    large, here = await another(ann, "bob", "cy"), await room(ann, "bob")
    for each in (large, here):
        await talk(running, ann, each, 1)
        await reads(bob, each, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
    assert [frame["data"]["conversation_id"] for frame in ann.of(CURSORS)] == [here]
    assert (await asked(ann, large))["bob"] == (1, 1)
    await do(ann, "conversation:remove-participants", large, participants=["cy"])
    await pushed_change(ann, large, 2)
    await said(ann, large, "fewer")
    await reads(bob, large, 2)
    await eventually(lambda: heard(ann, "bob") == [(1, 1), (2, 2)])


async def test_pushed_cursors_are_forgotten(running: Nodes) -> None:
    ann, bob = await come(running.all[0], "ann", "bob")
    here = await room(ann, "bob")
    await talk(running, ann, here, 1)
    await reads(bob, here, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
    await eventually(lambda: not running.all[0]._signals._cursors._pending)


async def test_broken_cursors_are_skipped(running: Nodes) -> None:
    ann, bob = await come(running.all[0], "ann", "bob")
    here = await room(ann, "bob")
    await talk(running, ann, here, 1)
    node = running.all[0]
    broken = Push(model="receipts", generation=1, conversation_id=here, frame=b'{"data":1}', lane=CURSORS)
    assert node._signals.try_deliver(broken, node.hub.conversations.get)
    await reads(bob, here, 1)
    await eventually(lambda: heard(ann, "bob") == [(1, 1)])
