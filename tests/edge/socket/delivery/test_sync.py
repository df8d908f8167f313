"""A sync tells what lies beyond the positions, also in the user's own lane, in parts where that is asked for, and says
plainly where positions say more than there is.
"""

from typing import Any

import pytest

from edge.socket.delivery import sync
from edge.socket.delivery.sync import SyncQueries
from edge.socket.node import Node
from projections.queries.fair_turns import FairTurns
from tests.edge.socket.own import OTHER, acted, hid, muted, numbers, read, views
from tests.edge.socket.world import Person, World, room, send
from tests.eventually import eventually


async def rooms(owner: Person, count: int) -> list[str]:
    """So many conversations, by id."""
    made = [
        (await owner.ask("conversation:create", client_key=str(n)))["data"]["conversation_id"] for n in range(count)
    ]
    await eventually(lambda: len(owner.of("conversation:updated")) == count)
    return sorted(made)


async def synced(who: Person, **asked: Any) -> dict[str, Any]:
    answer = await who.ask("sync", **{"positions": {}, **asked})
    assert answer["type"] == "synced", answer
    data: dict[str, Any] = answer["data"]
    return data


# The own lane


async def test_the_own_lane_is_told_beyond_the_position_in_its_order(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1), hid("m1"), read(2, OTHER), hid("m2", OTHER), muted(), read(7))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=1)
    assert (data["complete"], data["user"], data["reset"]) == (True, 6, [])
    assert numbers(ann) == [2, 4, 6]
    assert [view["hidden"] for view in views(ann)] == ["m1", "m2", None]
    assert [(view["read"], view["muted"]) for view in views(ann)] == [(7, True), (2, False), (7, True)]


async def test_without_a_position_nothing_of_the_own_lane_is_told(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1))
    ann = await Person(node, "ann").come()
    assert (await synced(ann))["user"] is None
    assert numbers(ann) == []


@pytest.mark.parametrize("given", [0, 1, 99])
async def test_where_nothing_is_told_it_says_where_the_own_lane_stands(running: tuple[World, Node], given: int) -> None:
    found, node = running
    await acted(found, read(1), read(2))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=given, tell=False)
    assert (data["user"], data["reset"], numbers(ann)) == (2, [], [])


async def test_what_others_do_is_not_told(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1, user="ben"))
    await acted(found, read(1, tenant="other"))
    ann = await Person(node, "ann").come()
    assert (await synced(ann, user=0))["user"] == 0
    assert numbers(ann) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
async def test_an_own_lane_that_is_too_long_goes_on_where_it_stopped(running: tuple[World, Node], rows: int) -> None:
    found, node = running
    done = [hid(f"m{n}") if n % 2 else muted(f"6f1d1f8a-0000-5000-8000-{n:012}") for n in range(24)]
    await acted(found, *done, read(1))
    ann = await Person(node, "ann").come()
    node._reads._syncing = SyncQueries(found.memberships, node._lanes, node.current, FairTurns(1), rows)
    at, rounds = 0, 0
    complete = False
    while not complete:
        data = await synced(ann, user=at)
        assert data["user"] > at or data["complete"]
        complete, at, rounds = data["complete"], data["user"], rounds + 1
    assert at == 25
    assert rounds > 25 // rows // 2
    assert [view["hidden"] for view in views(ann) if view["hidden"]] == [f"m{n}" for n in range(1, 24, 2)]
    assert numbers(ann) == sorted(set(numbers(ann)))


async def test_own_rows_and_others_share_what_may_be_read(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await send(ann, here, "1", "2", "3")
    await eventually(lambda: ann.texts() == ["1", "2", "3"])
    await acted(found, hid("m1"), hid("m2"))
    node._reads._syncing = SyncQueries(found.memberships, node._lanes, node.current, FairTurns(1), 5)
    again = await Person(node, "ann").come()
    first = await synced(again, user=0)
    assert (first["complete"], first["user"], first["positions"][here]["sent"]) == (False, 2, 1)
    second = await synced(again, user=2, positions=first["positions"])
    assert (second["complete"], second["positions"][here]["sent"]) == (True, 3)


# In parts


async def test_a_part_tells_of_the_conversations_after_one_and_up_to_another(running: tuple[World, Node]) -> None:
    _, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 5)
    ann = await Person(node, "ann").come()
    for after, upto, those in ((None, keys[1], keys[:2]), (keys[1], keys[3], keys[2:4]), (keys[3], None, keys[4:])):
        data = await synced(ann, after=after, upto=upto, positions={keys[0]: {"sent": 99}} if after else {})
        assert (data["complete"], data["reset"], sorted(data["positions"])) == (True, [], those)
        told = [frame["data"]["conversation_id"] for frame in ann.of("conversation:updated")]
        assert told == keys[: keys.index(those[-1]) + 1]


async def test_where_many_stand_is_said_in_parts(running: tuple[World, Node]) -> None:
    found, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 5)
    node._reads._syncing = SyncQueries(found.memberships, node._lanes, node.current, FairTurns(1), positions=2)
    ann = await Person(node, "ann").come()
    said: list[str] = []
    for complete in (False, False, True):
        data = await synced(ann, tell=False, after=said[-1] if said else None)
        assert data["complete"] is complete
        said += sorted(data["positions"])
    assert said == keys
    assert ann.of("conversation:updated") == []


async def test_heads_are_read_only_as_far_as_the_rows_last(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 6)
    monkeypatch.setattr(sync, "HEADS_AT_ONCE", 2)
    node._reads._syncing = SyncQueries(found.memberships, node._lanes, node.current, FairTurns(1), 2)
    read_of: list[str] = []
    heads = node._lanes.heads

    async def counted(ids: Any) -> Any:
        read_of.extend(ids)
        return await heads(ids)

    monkeypatch.setattr(node._lanes, "heads", counted)
    ann = await Person(node, "ann").come()
    read_of.clear()
    data = await synced(ann, positions={keys[5]: {"conversation": 1}})
    assert read_of == keys[:2]
    assert (data["complete"], sorted(data["positions"])) == (False, [keys[0], keys[1], keys[5]])


# Positions that say more than there is


async def test_a_conversation_whose_positions_say_more_than_there_is_is_reset_and_others_are_told(
    running: tuple[World, Node],
) -> None:
    _, node = running
    owner = await Person(node, "ann").come()
    gone, kept = await rooms(owner, 2)
    for here in (gone, kept):
        await send(owner, here, "1")
    await eventually(lambda: owner.texts() == ["1", "1"])
    ann = await Person(node, "ann").come()
    data = await synced(ann, positions={gone: {"sent": 0, "reaction": 3}, kept: {"sent": 0, "conversation": 1}})
    assert (data["complete"], data["reset"], list(data["positions"])) == (True, [gone], [kept])
    assert (ann.lane("sent", gone), ann.lane("sent", kept)) == ([], [1])
    data = await synced(ann, positions=data["positions"])
    assert (data["reset"], ann.lane("sent", gone)) == ([], [1])


async def test_an_own_lane_whose_position_says_more_than_there_is_is_reset(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=2)
    assert (data["complete"], data["reset"], data["user"], numbers(ann)) == (True, ["user"], None, [])
    assert ((await synced(ann, user=0))["user"], numbers(ann)) == (1, [1])


async def test_where_nothing_is_told_nothing_is_reset(running: tuple[World, Node]) -> None:
    _, node = running
    owner = await Person(node, "ann").come()
    (here,) = await rooms(owner, 1)
    data = await synced(owner, positions={here: {"sent": 9}}, tell=False)
    assert (data["reset"], data["positions"][here]["sent"]) == ([], 0)


async def test_what_one_has_left_is_not_reset_for_what_others_said_later(running: tuple[World, Node]) -> None:
    _, node = running
    ann, ben = [await Person(node, user).come() for user in ("ann", "ben")]
    here = await room(ann, "ben")
    await send(ann, here, "1")
    await ann.ask("conversation:remove-participants", conversation_id=here, participants=["ben"])
    await eventually(lambda: ben.lane("conversation", here) == [1, 2])
    await send(ann, here, "2")
    await eventually(lambda: ann.texts() == ["1", "2"])
    again = await Person(node, "ben").come()
    data = await synced(again, positions={here: {"sent": 1, "conversation": 2}})
    assert (data["reset"], data["positions"][here]["sent"], again.texts()) == ([], 1, [])
