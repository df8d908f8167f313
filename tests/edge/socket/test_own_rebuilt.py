"""The inbox is rebuilt while users act, and a node learns of the switch late: no row of their lanes is lost."""

from edge.socket.node import Node
from projections.generations import read_pointer
from streams.processors.inbox import Inbox
from tests.edge.socket.own import OTHER, act, acted, head, hid, numbers, read
from tests.edge.socket.rebuilding import acted_during_rebuilds, rebuilt
from tests.edge.socket.world import Person, World
from tests.eventually import eventually


async def test_push_of_new_generation_heals_lost_pushes_before_it(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    await acted(found, read(1))
    await eventually(lambda: numbers(ann) == [1])
    await rebuilt(found, Inbox)
    found.bus.lose = True
    await acted(found, hid("m1"), generation=2)
    found.bus.lose = False
    await acted(found, read(2, OTHER), generation=2)
    await eventually(lambda: numbers(ann) == [1, 2, 3])
    assert found.generations.live("inbox") == 2


async def test_push_of_new_generation_refreshes_the_live_generation(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    await acted(found, read(1))
    await rebuilt(found, Inbox)
    await acted(found, read(2), generation=2)
    await eventually(lambda: numbers(ann) == [1, 2])
    assert found.generations.live("inbox") == 2


async def test_positions_of_another_node_are_not_reset_by_a_lagging_one(running: tuple[World, Node]) -> None:
    found, node = running
    await acted(found, read(1))
    await rebuilt(found, Inbox)
    await acted(found, read(2), generation=2)
    ann = await Person(node, "ann").come()
    data = (await ann.ask("sync", positions={}, user=2))["data"]
    assert (data["user"], data["reset"]) == (2, [])


async def test_actions_during_rebuild_and_rollback_are_delivered_once(running: tuple[World, Node]) -> None:
    found, node = running
    ann = await Person(node, "ann").come()
    count = await acted_during_rebuilds(found, Inbox, lambda n: act(found, hid(f"m{n}") if n % 2 else read(n)))
    live = (await read_pointer(found.documents, "inbox")).live
    await eventually(lambda: head(found, generation=live) == count)
    await found.generations.refresh()
    await node.look()
    await eventually(lambda: numbers(ann)[-1:] == [count])
    received = numbers(ann)
    assert received == sorted(set(received))
    hides = [frame["data"]["hidden"] for frame in ann.of("inbox:changed") if frame["data"]["hidden"]]
    assert hides == [f"m{n}" for n in range(1, count + 1, 2)]
