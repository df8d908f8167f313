"""Measures the time of a search among many messages, beside one user who searches at the rate limit."""

from typing import Any, Final

import msgspec

from edge.tools.bench import machine, spec
from edge.tools.bench.children import running
from edge.tools.bench.measure import Figure
from edge.tools.bench.servers import Bench
from edge.tools.bench.spec import Searches

EMBEDDED: Final = 1_000_000
STACK: Final = 200_000
GOAL_MS: Final = 200.0
FILL_S: Final = 600.0


async def search(bench: Bench) -> Figure:
    """Measure the p99 time of a search beside the busy user."""
    place = bench.at("search")
    what = Searches(messages=EMBEDDED if bench.embedded else STACK, seconds=max(10.0, bench.seconds))
    path = spec.written(what, place.directory / "search.json")
    command = place.python("edge.tools.bench.searching", path, profiled=True)
    async with running(place, "search", command, machine.SERVER, ends=True) as child:
        said: dict[str, Any] = await child.said(FILL_S + 4 * what.seconds)
    seen = msgspec.convert(said, spec.Searched)
    more = {name: value for name, value in msgspec.structs.asdict(seen).items() if name != "beside_p99_ms"}
    return Figure(name="search", unit="ms", ours=[seen.beside_p99_ms], bare=[], goal=GOAL_MS, better="lower", more=more)
