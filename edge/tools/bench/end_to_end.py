"""Measures what a recipient notices, end to end: a steady rate, an overload, and the highest rate that is in time.

Every measurement is a talk in direct conversations with a system of its own, so that none waits for another's backlog.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from edge.tools.bench.gathering import pairs
from edge.tools.bench.measure import Figure
from edge.tools.bench.rates import highest
from edge.tools.bench.servers import Bench, run_name, seed, system
from edge.tools.bench.spec import Seat, Talk, Talked
from edge.tools.bench.thousand import talked
from edge.tools.bench.world import World

PEOPLE: Final = 50
RATE_PER_S: Final = 200.0
MAX_PER_S: Final = 12_800.0
HALVINGS: Final = 3
DELIVERED_MS: Final = 100.0
CROWD: Final = 100
IN_FLIGHT: Final = 8
TIMES: Final = ("ack_p50_ms", "ack_p99_ms", "delivered_p50_ms", "delivered_p99_ms")
STEADY: Final = (*TIMES, "late_p99_ms")
OVERLOADED: Final = ("acked_per_s", "undelivered", "drain_s", *TIMES)
TRIED: Final = ("delivered_p99_ms", "late_p99_ms", "right")


async def cost_per_message(bench: Bench) -> Figure:
    """Measure the processor time of a message at a low, even rate, and the times until it is there."""
    seen = [await _talked(bench, "cost", PEOPLE, rate=RATE_PER_S) for _ in range(bench.pairs)]
    ours, more = [sum(one.cpu_ms) for one in seen], _medians(seen, STEADY)
    if not bench.embedded:
        more |= {f"{name}_cpu_ms": median(one.cpu_ms[n] for one in seen) for n, name in enumerate(("node", "worker"))}
    return Figure(name="cost_per_message", unit="ms/message", ours=ours, bare=[], better="lower", more=more)


async def overload(bench: Bench) -> Figure:
    """Measure how many messages are delivered while users send as fast as they are acknowledged, and what is left."""
    seen = [await _talked(bench, "overload", CROWD, in_flight=IN_FLIGHT) for _ in range(bench.pairs)]
    ours = [one.delivered_per_s for one in seen]
    return Figure(name="overload", unit="messages/s", ours=ours, bare=[], more=_medians(seen, OVERLOADED))


async def highest_rate(bench: Bench) -> Figure:
    """Measure the highest rate, of those tried, at which everything is delivered, at p99 in less than 100 ms."""
    more = dict[str, Any]()

    async def in_time(rate: float) -> bool:
        seen = await _talked(bench, "rate", PEOPLE, rate=rate)
        more.update({f"{rate:.0f}_{name}": getattr(seen, name) for name in TRIED})
        return seen.right and seen.delivered_p99_ms < DELIVERED_MS

    best = await highest(in_time, RATE_PER_S, MAX_PER_S, HALVINGS)
    return Figure(name="highest_rate", unit="messages/s", ours=[best], bare=[], more=more)


async def _talked(bench: Bench, name: str, people: int, *, rate: float = 0.0, in_flight: int | None = None) -> Talked:
    """Run a new system and a talk of these people, each in one direct conversation."""
    world, run = World(), run_name()
    at = bench.at(f"{name}-{run}", world)
    tokens, circles, records = pairs(world, people)
    await seed(at, records)
    async with system(bench, at) as server:
        talk = Talk(
            seats=[Seat(server.port, token) for token in tokens],
            circles=circles,
            run=run,
            seconds=bench.seconds,
            rate=rate,
            in_flight=in_flight,
            pids=[server.pid, *server.workers],
        )
        return await talked(at, talk)


def _medians(seen: Sequence[Talked], names: Sequence[str]) -> dict[str, Any]:
    """Return the medians of these fields, the number of talks with a fault, and the first fault if there is one."""
    more: dict[str, Any] = {name: median(getattr(one, name) for one in seen) for name in names}
    wrong = [one for one in seen if not one.right]
    more["wrong"] = len(wrong)
    if faults := [fault for one in wrong for fault in one.faults]:
        more["first_fault"] = faults[0]
    return more
