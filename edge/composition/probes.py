"""Probe the servers regularly with a small request, to notice one that is down or frozen while it is not used."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from core.health import Health
from core.ports.event_log import Unavailable
from edge.composition.compose import Adapters
from projections.generations import read_pointer
from schemas.topics import USER_ACTION, partitions

INTERVAL_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 4.0
"""Maximum time for an answer: with the interval, a frozen server is noticed after about six seconds."""


class Probe(NamedTuple):
    """The request for the check `name`; if it is `needed`, the process is not ready while it is not answered."""

    name: str
    ask: Callable[[], Awaitable[object]]
    needed: bool


async def probing(probes: tuple[Probe, ...], health: Health, every_s: float = INTERVAL_S) -> None:
    """Send all probes regularly until it is cancelled, and report their results to `health`."""
    async with asyncio.TaskGroup() as tasks:
        for probe in probes:
            tasks.create_task(_keep_asking(probe, health, every_s), name=f"probe-{probe.name}")


async def _keep_asking(probe: Probe, health: Health, every_s: float) -> None:
    report = health.waits if probe.needed else health.warns
    while True:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await probe.ask()
        except TimeoutError:
            report(probe.name, f"no answer within {ANSWER_TIMEOUT_S:.0f} s")
        except Unavailable as error:
            report(probe.name, error)
        else:
            health.goes_on(probe.name)
        await asyncio.sleep(every_s)


def probes_of(found: Adapters, *, needed: frozenset[str]) -> tuple[Probe, ...]:
    """Return probes of the servers behind these adapters: `log`, `documents`, `index` and `bus`."""
    at = partitions(USER_ACTION)[:1]

    async def index() -> None:
        pointer = await read_pointer(found.documents, "search")
        await found.index.checkpoint(pointer.live, at)

    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "log": lambda: found.log.end_offsets(at),
        "documents": lambda: read_pointer(found.documents, "messages"),
        "index": index,
        "bus": lambda: found.presence.nodes(["probe"]),
    }
    return tuple(Probe(name, ask, name in needed) for name, ask in asks.items())
