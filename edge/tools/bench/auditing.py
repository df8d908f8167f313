"""Measures the time of queries and counts of an audit log of many records."""

from typing import Any, Final

import msgspec

from edge.tools.bench import machine, spec
from edge.tools.bench.children import running
from edge.tools.bench.measure import Figure
from edge.tools.bench.servers import Bench
from edge.tools.bench.spec import AuditForm, Audits

EMBEDDED: Final = 1_000_000
STACK: Final = 20_000
QUERIES: Final = 200
GOAL_MS: Final = 200.0
WITHIN_S: Final = 3_600.0


async def audit(bench: Bench) -> Figure:
    """Measure the p99 time of each form of query; the figure is that of the slowest form."""
    place = bench.at("audit")
    what = Audits(records=EMBEDDED if bench.embedded else STACK, queries=QUERIES)
    path = spec.written(what, place.directory / "audit.json")
    command = place.python("edge.tools.bench.audit_queries", path, profiled=True)
    async with running(place, "audit", command, machine.SERVER, ends=True) as child:
        said: dict[str, Any] = await child.said(WITHIN_S)
    seen = msgspec.convert(said, spec.Audited)
    forms = sorted(seen.forms.items(), key=lambda one: -one[1].p99_ms)
    more: dict[str, Any] = {"records": seen.records, "filled_s": seen.filled_s, "cpu_us": seen.cpu_us}
    more |= {name: shown(form) for name, form in forms}
    return Figure(name="audit", unit="ms", ours=[forms[0][1].p99_ms], bare=[], goal=GOAL_MS, better="lower", more=more)


def shown(form: AuditForm) -> str:
    """Return the times of a form: at p50 and p99, and of the processor at p99."""
    return f"{form.p50_ms:.1f} / {form.p99_ms:.1f} ms ({form.cpu_p99_ms:.1f})"
