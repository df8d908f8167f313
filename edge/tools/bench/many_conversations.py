"""Measures memory and start of a system with very many conversations.

Their records are appended to the log; the first start folds them, the second one is measured.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from core.health import Health
from edge.composition import compose
from edge.composition.running import caught_up, reading
from edge.tools.bench.children import BenchFailed, Place
from edge.tools.bench.measure import Figure
from edge.tools.bench.servers import Bench, held, seed, settings_at, settled_kib, system
from edge.tools.bench.world import World
from streams.runtime.lag import ReadModelStalled

SIZES: Final = (100_000, 1_000_000)
PER_USER: Final = 20
SESSIONS: Final = 1_000
FOLD_S: Final = 3_600.0
START_S: Final = 600.0


class Started(msgspec.Struct, frozen=True):
    """A system that holds conversations: seconds of the first start until all were folded, seconds of the second start
    until it was ready, and its memory then, without and with the sessions of 1,000 users.
    """

    fold_s: float
    start_s: float
    mib: float
    sessions_mib: float


async def conversations(bench: Bench) -> Figure:
    """Measure the memory of a system that started with a million conversations; `more` has the other size too."""
    seen = {count: await started(bench, count) for count in SIZES}
    fields = [(f"{count}_", msgspec.structs.asdict(one)) for count, one in seen.items()]
    more = {size + name: value for size, one in fields for name, value in one.items()}
    ours = [seen[SIZES[-1]].mib]
    return Figure(name="conversations", unit="MiB", ours=ours, bare=[], better="lower", more=more)


async def started(bench: Bench, count: int) -> Started:
    """Make a system with so many direct conversations, and start it twice. Raises `BenchFailed`."""
    world = World()
    place = bench.at(f"conversations-{count}", world)
    await seed(place, (world.direct(one, other)[1] for one, other in couples(count)))
    fold_s = await _folded(bench, place)
    began = time.monotonic()
    async with system(bench, place, START_S) as server:
        start_s = time.monotonic() - began
        mib = await settled_kib(server) / 1024
        tokens = [world.token(user) for user in users_of(count)[:SESSIONS]]
        sessions_mib = mib + await held(place, server, tokens) * len(tokens) / 1024
    return Started(round(fold_s, 1), round(start_s, 2), round(mib, 1), round(sessions_mib, 1))


def users_of(count: int) -> list[str]:
    """Return the users of `count` conversations."""
    return [f"person-{n}" for n in range(2 * count // PER_USER)]


def couples(count: int) -> Iterator[tuple[str, str]]:
    """Yield `count` (more than 200) different pairs of users, each of whom is in 20 of them."""
    people = users_of(count)
    for n in range(count):
        one, distance = n % len(people), n // len(people) + 1
        yield people[one], people[(one + distance) % len(people)]


async def _folded(bench: Bench, place: Place) -> float:
    """Start the system; return the seconds until every read model had passed the log's end."""
    began = time.monotonic()
    async with system(bench, place, FOLD_S), reading(settings_at(place), Health()) as found:
        try:
            async with asyncio.timeout(FOLD_S):
                await caught_up(found, compose.PROCESSORS, Health())
        except (TimeoutError, ReadModelStalled) as error:
            raise BenchFailed(f"the read models did not reach the log's end: {error!r}") from None
        return time.monotonic() - began
