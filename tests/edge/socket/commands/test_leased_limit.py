"""A node spends leased tokens locally; over all nodes it stays one limit, within one lease each."""

import asyncio

import pytest

from core.rate_limit import Rate
from edge.socket.commands import leased_limit
from edge.socket.commands.leased_limit import LeasedLimit
from projections.ephemeral.limits import InProcessLimits

SLOW = Rate(per_s=1 / 3600, burst=100)


class CountedLimits(InProcessLimits):
    """Limits that count their calls."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        self.asked += 1
        return await super().take(key, rate, n)


async def spent(node: LeasedLimit, tries: int, key: str = "ann") -> int:
    return [await node.spend(key) for _ in range(tries)].count(0.0)


async def test_burst_is_spent_exactly_with_few_calls() -> None:
    limits = CountedLimits()
    node = LeasedLimit("commands", SLOW, limits)
    assert await spent(node, 1_000) == 100
    assert limits.asked == 100 / node.lease_size + 1


async def test_empty_limit_returns_the_time_until_the_next_lease() -> None:
    node = LeasedLimit("commands", SLOW, InProcessLimits())
    assert await spent(node, 100) == 100
    assert await node.spend("ann") == pytest.approx(node.lease_size * 3600, rel=0.01)


async def test_several_tokens_are_spent_together_and_single_ones_continue() -> None:
    node = LeasedLimit("commands", Rate(per_s=1 / 3600, burst=30), InProcessLimits())  # leases of three tokens
    assert [await node.spend("ann", 7) for _ in range(4)] == [0.0] * 4
    assert await node.spend("ann", 7) == pytest.approx(5 * 3600, rel=0.01)
    assert await spent(node, 5) == 2


async def test_two_nodes_together_let_through_what_one_node_would() -> None:
    limits = InProcessLimits()
    one, other = LeasedLimit("commands", SLOW, limits), LeasedLimit("commands", SLOW, limits)
    through = sum([await spent(node, 1) for _ in range(200) for node in (one, other)])
    assert 100 - 2 * one.lease_size <= through <= 100


async def test_another_node_holds_back_at_most_one_lease() -> None:
    limits = InProcessLimits()
    one, other = LeasedLimit("commands", SLOW, limits), LeasedLimit("commands", SLOW, limits)
    assert await spent(one, 1) == 1
    assert await spent(other, 200) == 100 - one.lease_size
    assert await spent(one, 200) == one.lease_size - 1


async def test_each_key_and_each_name_has_its_own_tokens() -> None:
    limits = InProcessLimits()
    commands, searches = LeasedLimit("commands", SLOW, limits), LeasedLimit("searches", SLOW, limits)
    assert await spent(commands, 200) == 100
    assert await spent(commands, 200, "ben") == 100
    assert await spent(searches, 200) == 100


async def test_concurrent_callers_spend_no_more_than_the_burst() -> None:
    node = LeasedLimit("commands", Rate(1 / 3600, 10), limits := CountedLimits())
    waits = await asyncio.gather(*(node.spend("ann") for _ in range(50)))
    assert waits.count(0.0) == 10
    assert limits.asked == 11


async def test_token_is_available_after_the_returned_time() -> None:
    node = LeasedLimit("commands", Rate(per_s=100, burst=40), InProcessLimits())
    assert await spent(node, 40) == 40
    wait_s = await node.spend("ann")
    assert 0 < wait_s <= node.lease_size / 100
    await asyncio.sleep(wait_s + 0.001)
    assert await node.spend("ann") == 0


async def test_number_of_remembered_keys_is_bounded() -> None:
    node = LeasedLimit("commands", Rate(1 / 3600, 40), InProcessLimits())
    for n in range(leased_limit.MAX_KEYS + 100):
        await node.spend(f"{n}")
    assert len(node._leases) == leased_limit.MAX_KEYS
    assert await spent(node, 100, "0") == 40 - node.lease_size
