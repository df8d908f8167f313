"""A node spends by itself what it took in portions; over all nodes it stays one limit, within a portion each."""

import asyncio

import pytest

from core.ports.limits import Rate
from edge.socket.commands import leased_limit
from edge.socket.commands.leased_limit import LeasedLimit
from projections.ephemeral.limits import InProcessLimits

SLOW = Rate(per_s=1 / 3600, burst=100)


class CountedLimits(InProcessLimits):
    """Limits that count who asks them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        self.asked += 1
        return await super().take(key, rate, n)


async def spent(node: LeasedLimit, tries: int, key: str = "ann") -> int:
    return [await node.spend(key) for _ in range(tries)].count(0.0)


async def test_a_burst_is_spent_and_no_more_and_few_ask_for_it() -> None:
    limits = CountedLimits()
    node = LeasedLimit("commands", SLOW, limits)
    assert await spent(node, 1_000) == 100
    assert limits.asked == 100 / node.portion + 1


async def test_who_has_spent_it_is_told_when_the_next_portion_is_there() -> None:
    node = LeasedLimit("commands", SLOW, InProcessLimits())
    assert await spent(node, 100) == 100
    assert await node.spend("ann") == pytest.approx(node.portion * 3600, rel=0.01)


async def test_what_costs_several_is_spent_whole_or_not_at_all_and_what_costs_one_goes_on() -> None:
    node = LeasedLimit("commands", Rate(per_s=1 / 3600, burst=30), InProcessLimits())  # in portions of three
    assert [await node.spend("ann", 7) for _ in range(4)] == [0.0] * 4
    assert await node.spend("ann", 7) == pytest.approx(5 * 3600, rel=0.01)
    assert await spent(node, 5) == 2


async def test_two_nodes_let_through_together_what_one_would() -> None:
    limits = InProcessLimits()
    one, other = LeasedLimit("commands", SLOW, limits), LeasedLimit("commands", SLOW, limits)
    through = sum([await spent(node, 1) for _ in range(200) for node in (one, other)])
    assert 100 - 2 * one.portion <= through <= 100


async def test_what_lies_at_another_node_is_at_most_a_portion() -> None:
    limits = InProcessLimits()
    one, other = LeasedLimit("commands", SLOW, limits), LeasedLimit("commands", SLOW, limits)
    assert await spent(one, 1) == 1
    assert await spent(other, 200) == 100 - one.portion
    assert await spent(one, 200) == one.portion - 1


async def test_each_key_and_each_name_has_its_own() -> None:
    limits = InProcessLimits()
    commands, searches = LeasedLimit("commands", SLOW, limits), LeasedLimit("searches", SLOW, limits)
    assert await spent(commands, 200) == 100
    assert await spent(commands, 200, "ben") == 100
    assert await spent(searches, 200) == 100


async def test_those_who_spend_at_once_spend_no_more() -> None:
    node = LeasedLimit("commands", Rate(1 / 3600, 10), limits := CountedLimits())
    waits = await asyncio.gather(*(node.spend("ann") for _ in range(50)))
    assert waits.count(0.0) == 10
    assert limits.asked == 11


async def test_it_goes_on_at_its_rate_after_as_long_as_it_said() -> None:
    node = LeasedLimit("commands", Rate(per_s=100, burst=40), InProcessLimits())
    assert await spent(node, 40) == 40
    wait_s = await node.spend("ann")
    assert 0 < wait_s <= node.portion / 100
    await asyncio.sleep(wait_s + 0.001)
    assert await node.spend("ann") == 0


async def test_no_more_keys_are_remembered_than_a_node_can_hold() -> None:
    node = LeasedLimit("commands", Rate(1 / 3600, 40), InProcessLimits())
    for n in range(leased_limit.KEPT + 100):
        await node.spend(f"{n}")
    assert len(node._purses) == leased_limit.KEPT
    assert await spent(node, 100, "0") == 40 - node.portion
