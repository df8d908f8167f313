"""Measures the time of `caas trace` among many records, embedded."""

from typing import Any, Final

import msgspec

from edge.tools.bench import machine, spec
from edge.tools.bench.auditing import GOAL_MS, QUERIES, WITHIN_S, shown
from edge.tools.bench.children import running
from edge.tools.bench.measure import Figure
from edge.tools.bench.servers import Bench
from edge.tools.bench.spec import Traces

RECORDS: Final = 1_000_000


async def trace(bench: Bench) -> Figure:
    """Measure the p99 time of each form of trace; the figure is that of the slowest form."""
    place = bench.at("trace")
    path = spec.written(Traces(records=RECORDS, queries=QUERIES), place.directory / "trace.json")
    command = place.python("edge.tools.bench.trace_queries", path, profiled=True)
    async with running(place, "trace", command, machine.SERVER, ends=True) as child:
        said: dict[str, Any] = await child.said(WITHIN_S)
    seen = msgspec.convert(said, spec.Traced)
    forms = sorted(seen.forms.items(), key=lambda one: -one[1].p99_ms)
    more: dict[str, Any] = {"records": seen.records, "filled_s": seen.filled_s, "cpu_us": seen.cpu_us}
    more |= {name: shown(form) for name, form in forms}
    return Figure(name="trace", unit="ms", ours=[forms[0][1].p99_ms], bare=[], goal=GOAL_MS, better="lower", more=more)
