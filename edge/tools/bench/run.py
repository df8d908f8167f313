"""Runs the requested measurements one after another, in a directory that is removed at the end."""

import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.settings import Settings
from edge.tools.bench import auditing, end_to_end, finding, many_conversations, processors, sockets, thousand, tracing
from edge.tools.bench.children import Place
from edge.tools.bench.measure import Figure
from edge.tools.bench.servers import Bench, environment_of

Measure = Callable[[Bench], Awaitable[Figure]]

BOTH: Final[Mapping[str, Measure]] = {
    "edge_sends": sockets.edge_sends,
    "processor_plain": processors.processor_plain,
    "rebuild": processors.rebuild,
    "deliveries": sockets.deliveries,
    "idle_memory": sockets.idle_memory,
    "cost_per_message": end_to_end.cost_per_message,
    "overload": end_to_end.overload,
    "search": finding.search,
    "audit": auditing.audit,
}
STACK: Final[Mapping[str, Measure]] = {
    "processor_faust": processors.processor_faust,
    "thousand": thousand.thousand,
}
EMBEDDED: Final[Mapping[str, Measure]] = {
    "embedded_pipeline": sockets.embedded_pipeline,
    "highest_rate": end_to_end.highest_rate,
    "conversations": many_conversations.conversations,
    "trace": tracing.trace,
}
NAMES: Final = (*BOTH, *STACK, *EMBEDDED)
LONG: Final = frozenset({"audit", "conversations", "search", "trace"})
"""Taken only by name: they fill for minutes."""


def measures(adapters: str) -> dict[str, Measure]:
    """Return the measurements on these adapters, by name."""
    return {**BOTH, **(EMBEDDED if adapters == "embedded" else STACK)}


@contextmanager
def bench(settings: Settings, pairs: int, seconds: float, profile: Path | None = None) -> Iterator[Bench]:
    """Yield a bench with a new directory."""
    with tempfile.TemporaryDirectory(prefix="caas-bench-") as directory:
        place = Place(Path(directory), environment_of(settings), profile)
        yield Bench(place, settings.adapters, pairs, seconds)


async def take(where: Bench, names: Sequence[str], report: Callable[[str], None]) -> list[Figure]:
    """Take these figures; call `report` with the name of each before."""
    known = measures(where.adapters)
    figures = []
    for name in names:
        report(name)
        figures.append(await known[name](where))
    return figures
