"""Measures a thousand chatting clients at two nodes: doubles the rate until a bound breaks, reports the last good one.

The bounds: every delivery once and in order, acknowledgments at p99 within 50 ms, deliveries at p99 within 250 ms.
"""

from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec

from edge.tools.bench import machine, spec
from edge.tools.bench.children import Place, running
from edge.tools.bench.gathering import gathering
from edge.tools.bench.measure import Figure
from edge.tools.bench.rates import highest
from edge.tools.bench.servers import Bench, Server, node, run_name, seed
from edge.tools.bench.spec import FaustRun, Talk, Talked
from edge.tools.bench.talking import CONNECT_S, DRAIN_S
from edge.tools.bench.world import World

PEOPLE: Final = 1_000
NODES: Final = 2
BASE_PER_S: Final = 100.0
MAX_PER_S: Final = 12_800.0
ACK_MS: Final = 50.0
DELIVERED_MS: Final = 250.0
REPORTED: Final = ("ack_p99_ms", "delivered_p99_ms", "late_p99_ms", "delivered")


def good(seen: Talked) -> bool:
    """Return whether this load was handled within the bounds."""
    return seen.right and seen.ack_p99_ms <= ACK_MS and seen.delivered_p99_ms <= DELIVERED_MS


async def talked(place: Place, talk: Talk) -> Talked:
    """Run a talk in a separate process; return its result."""
    path = spec.written(talk, place.directory / f"talk-{talk.run}.json")
    command = place.python("edge.tools.bench.talking", path)
    async with running(place, "talk", command, machine.LOAD, ends=True) as child:
        said = await child.said(CONNECT_S * 2 + talk.seconds + DRAIN_S + 30)
        return msgspec.convert(said, Talked)


async def thousand(bench: Bench) -> Figure:
    """Measure the maximum rate of sends, of those tried, at which a thousand clients are served within the bounds."""
    world = World()
    at = bench.at("thousand", world)
    path = spec.written(FaustRun(way="live"), at.directory / "live.json")
    async with AsyncExitStack() as stack:
        worker = at.python("edge.tools.bench.faust_runs", path)
        child = await stack.enter_async_context(running(at, "worker", worker, machine.LOAD))
        await child.said(60)
        nodes = [await stack.enter_async_context(node(bench, at)) for _ in range(NODES)]
        best, more = await _doubled(bench, at, world, nodes)
    return Figure(name="thousand", unit="sends/s", ours=[best], bare=[], goal=BASE_PER_S, more=more)


async def _doubled(bench: Bench, at: Place, world: World, nodes: list[Server]) -> tuple[float, dict[str, Any]]:
    """Return the last good rate, and the results at every rate; each rate uses a new tenant."""
    more = dict[str, Any]()

    async def served(rate: float) -> bool:
        fresh = World(token_secret=world.token_secret)
        seats, circles, records = gathering(fresh, PEOPLE, [server.port for server in nodes])
        await seed(at, records)
        pids = [server.pid for server in nodes]
        run = Talk(seats=seats, circles=circles, run=run_name(), rate=rate, seconds=bench.seconds, pids=pids)
        seen = await talked(at, run)
        if not more:  # later talks reuse the memory of earlier ones
            more["idle_kib"] = seen.idle_kib
        more.update({f"{rate:.0f}_{name}": getattr(seen, name) for name in (*REPORTED, "right")})
        return good(seen)

    return await highest(served, BASE_PER_S, MAX_PER_S), more
