"""Notices a server that is away or frozen while nobody asks anything of it: each is asked something small regularly."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from core.health import Health
from core.ports.event_log import Unavailable
from edge.composition.compose import Adapters
from projections.generations import read_pointer
from schemas.topics import USER_ACTION, partitions

EVERY_S: Final = 2.0
ANSWER_S: Final = 4.0
"""Maximum time for an answer: with the interval it takes some six seconds until a frozen server is noticed."""


class Probe(NamedTuple):
    """What is asked for the check `name`; the process is not ready while a server that it needs does not answer."""

    name: str
    ask: Callable[[], Awaitable[object]]
    needed: bool


async def probing(probes: tuple[Probe, ...], health: Health, every_s: float = EVERY_S) -> None:
    """Ask all of them regularly, until cancelled, and report what they say."""
    async with asyncio.TaskGroup() as tasks:
        for probe in probes:
            tasks.create_task(_keep_asking(probe, health, every_s), name=f"probe-{probe.name}")


async def _keep_asking(probe: Probe, health: Health, every_s: float) -> None:
    report = health.waits if probe.needed else health.warns
    while True:
        try:
            async with asyncio.timeout(ANSWER_S):
                await probe.ask()
        except TimeoutError:
            report(probe.name, f"no answer within {ANSWER_S:.0f} s")
        except Unavailable as error:
            report(probe.name, error)
        else:
            health.goes_on(probe.name)
        await asyncio.sleep(every_s)


def probes_of(found: Adapters, *, needed: frozenset[str]) -> tuple[Probe, ...]:
    """The servers behind these adapters: `log`, `documents`, `index` and `bus`."""
    at = partitions(USER_ACTION)[:1]

    async def index() -> None:
        pointer = await read_pointer(found.documents, "search")
        await found.index.checkpoint(pointer.live, at)

    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "log": lambda: found.log.ends(at),
        "documents": lambda: read_pointer(found.documents, "messages"),
        "index": index,
        "bus": lambda: found.presence.nodes(["probe"]),
    }
    return tuple(Probe(name, ask, name in needed) for name, ask in asks.items())
