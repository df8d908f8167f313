"""A sync sends the rows beyond the positions, also of the user lane, in parts if requested, and resets positions that
exceed the heads.
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
    """Create this many conversations; return their ids in order."""
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


# The user lane


async def test_user_lane_is_sent_beyond_the_position_in_order(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1), hid("m1"), read(2, OTHER), hid("m2", OTHER), muted(), read(7))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=1)
    assert (data["complete"], data["user"], data["reset"]) == (True, 6, [])
    assert numbers(ann) == [2, 4, 6]
    assert [view["hidden"] for view in views(ann)] == ["m1", "m2", None]
    assert [(view["read"], view["muted"]) for view in views(ann)] == [(7, True), (2, False), (7, True)]


async def test_user_lane_is_not_sent_without_a_position(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1))
    ann = await Person(node, "ann").come()
    assert (await synced(ann))["user"] is None
    assert numbers(ann) == []


@pytest.mark.parametrize("given", [0, 1, 99])
async def test_sync_without_rows_answers_the_position_of_the_user_lane(running: tuple[World, Node], given: int) -> None:
    found, node = running
    await acted(found, read(1), read(2))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=given, tell=False)
    assert (data["user"], data["reset"], numbers(ann)) == (2, [], [])


async def test_actions_of_other_users_are_not_sent(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1, user="ben"))
    await acted(found, read(1, tenant="other"))
    ann = await Person(node, "ann").come()
    assert (await synced(ann, user=0))["user"] == 0
    assert numbers(ann) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
async def test_long_user_lane_continues_where_it_stopped(running: tuple[World, Node], rows: int) -> None:
    found, node = running
    done = [hid(f"m{n}") if n % 2 else muted(f"6f1d1f8a-0000-5000-8000-{n:012}") for n in range(24)]
    await acted(found, *done, read(1))
    ann = await Person(node, "ann").come()
    node._reads._syncing = SyncQueries(found.memberships, node.current._lanes, node.current, FairTurns(1), rows)
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


async def test_user_lane_and_conversations_share_the_maximum_of_rows(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    here = await room(ann)
    await send(ann, here, "1", "2", "3")
    await eventually(lambda: ann.texts() == ["1", "2", "3"])
    await acted(found, hid("m1"), hid("m2"))
    node._reads._syncing = SyncQueries(found.memberships, node.current._lanes, node.current, FairTurns(1), 5)
    again = await Person(node, "ann").come()
    first = await synced(again, user=0)
    assert (first["complete"], first["user"], first["positions"][here]["sent"]) == (False, 2, 1)
    second = await synced(again, user=2, positions=first["positions"])
    assert (second["complete"], second["positions"][here]["sent"]) == (True, 3)


# In parts


async def test_part_sends_the_conversations_between_two_ids(running: tuple[World, Node]) -> None:
    _, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 5)
    ann = await Person(node, "ann").come()
    for after, upto, expected in ((None, keys[1], keys[:2]), (keys[1], keys[3], keys[2:4]), (keys[3], None, keys[4:])):
        data = await synced(ann, after=after, upto=upto, positions={keys[0]: {"sent": 99}} if after else {})
        assert (data["complete"], data["reset"], sorted(data["positions"])) == (True, [], expected)
        received = [frame["data"]["conversation_id"] for frame in ann.of("conversation:updated")]
        assert received == keys[: keys.index(expected[-1]) + 1]


async def test_positions_of_many_conversations_are_answered_in_parts(running: tuple[World, Node]) -> None:
    found, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 5)
    node._reads._syncing = SyncQueries(found.memberships, node.current._lanes, node.current, FairTurns(1), positions=2)
    ann = await Person(node, "ann").come()
    found_keys: list[str] = []
    for complete in (False, False, True):
        data = await synced(ann, tell=False, after=found_keys[-1] if found_keys else None)
        assert data["complete"] is complete
        found_keys += sorted(data["positions"])
    assert found_keys == keys
    assert ann.of("conversation:updated") == []


async def test_heads_are_read_only_for_conversations_that_are_sent(
    running: tuple[World, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, node = running
    owner = await Person(node, "ann").come()
    keys = await rooms(owner, 6)
    monkeypatch.setattr(sync, "HEADS_BATCH_SIZE", 2)
    node._reads._syncing = SyncQueries(found.memberships, node.current._lanes, node.current, FairTurns(1), 2)
    read_of: list[str] = []
    heads = node.current._lanes.heads

    async def counted(ids: Any) -> Any:
        read_of.extend(ids)
        return await heads(ids)

    monkeypatch.setattr(node.current._lanes, "heads", counted)
    ann = await Person(node, "ann").come()
    read_of.clear()
    data = await synced(ann, positions={keys[5]: {"conversation": 1}})
    assert read_of == keys[:2]
    assert (data["complete"], sorted(data["positions"])) == (False, [keys[0], keys[1], keys[5]])


# Positions that exceed the heads


async def test_conversation_with_positions_beyond_its_heads_is_reset_and_others_are_sent(
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


async def test_user_lane_with_a_position_beyond_its_head_is_reset(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1))
    ann = await Person(node, "ann").come()
    data = await synced(ann, user=2)
    assert (data["complete"], data["reset"], data["user"], numbers(ann)) == (True, ["user"], None, [])
    assert ((await synced(ann, user=0))["user"], numbers(ann)) == (1, [1])


async def test_sync_without_rows_resets_nothing(running: tuple[World, Node]) -> None:
    _, node = running
    owner = await Person(node, "ann").come()
    (here,) = await rooms(owner, 1)
    data = await synced(owner, positions={here: {"sent": 9}}, tell=False)
    assert (data["reset"], data["positions"][here]["sent"]) == ([], 0)


async def test_conversation_the_user_left_is_not_reset_by_later_messages(running: tuple[World, Node]) -> None:
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
