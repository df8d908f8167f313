"""A candidate: the generation that is to become the live one, folded from the log behind it, never beyond it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from core.health import Health
from core.ports.documents import Documents, TableGeneration
from core.ports.event_log import EventLog
from core.retry import retry_until_available
from projections.generations import Pointer, read_pointer, replace_pointer
from streams.rebuild.compare import Comparison, Side
from streams.rebuild.replay import Fold, Live, Replay, Told
from streams.rebuild.switch import Stands, Switch
from streams.rebuild.write_tracking import TrackedDocuments
from streams.runtime.lineage import acknowledged
from streams.runtime.processor import Processor

T = TypeVar("T")
NEAR: Final = 500
"""Records or rows that fit into a pause."""
ROUNDS: Final = 50

DropToo = Callable[[int], Awaitable[None]]
"""Drops what else a generation has, such as its search index."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a rebuild happens."""

    fold: Fold
    log: EventLog
    documents: Documents
    health: Health
    progress: Told
    pause_s: float
    drop_too: DropToo | None = None

    async def pointer(self, model: str) -> Pointer:
        """The model's pointer."""
        return await self.retry_until_available(lambda: read_pointer(self.documents, model))

    async def begun(self, processor: Processor) -> Pointer:
        """Record a new generation, then drop those that are neither live nor the one before; the pointer now."""
        while True:
            old = await self.pointer(processor.name)
            new = msgspec.structs.replace(old, newest=old.newest + 1, pause=None)
            if await self.retry_until_available(lambda: replace_pointer(self.documents, processor.name, new, old)):  # noqa: B023
                break
        for generation in set(range(1, new.newest)) - {new.live, new.before}:
            await self.drop(processor, generation)
        return new

    async def drop(self, processor: Processor, generation: int) -> None:
        """Delete all that a generation has."""
        places = [TableGeneration(table, generation) for table in processor.tables]
        for name in (processor.name, acknowledged(processor.name)):
            await self.retry_until_available(lambda: self.documents.drop(places, (name, generation)))  # noqa: B023
        if (drop_too := self.drop_too) is not None:
            await self.retry_until_available(lambda: drop_too(generation))

    async def retry_until_available(self, call: Callable[[], Awaitable[T]]) -> T:
        """An outage of the store is waited out."""
        return await retry_until_available("rebuild", call, self.health)


class Candidate:
    """One generation beside the live one that `pointer` names."""

    def __init__(self, site: Site, pointer: Pointer, generation: int) -> None:
        self.generation = generation
        self._site = site
        self._noted = TrackedDocuments(site.documents)
        self.processor = site.fold(self._noted)
        self.live = Live(self.processor, site.log, site.documents, site.health, pointer.live)
        self.replay = Replay(self.processor, site.log, self._noted, site.health, generation, told=site.progress)

    async def catch_up(self) -> None:
        """In rounds, up to where the live generation stands, until that is near."""
        for _ in range(ROUNDS):
            stands = await self.live.stands()
            left = self.replay.left(stands)
            await self.replay.to(stands)
            if left <= NEAR:
                return

    async def compared(self) -> Comparison:
        """All rows against the live generation; the candidate stands still meanwhile."""
        self._noted.take()
        live = Side(self._site.documents, self.live.generation)
        comparison = Comparison(self.processor.tables, self.side, live, self._site.health)
        await comparison.scan()
        return comparison

    async def settle(self, comparison: Comparison) -> None:
        """Follow the live generation, look at what changed, until little is left. Raises `StandsStill`."""
        for _ in range(ROUNDS):
            await self.replay.to(await self.live.passed())
            await comparison.look(self._noted.take())
            if comparison.differences or len(comparison.pending) <= NEAR:
                return

    async def judge(self, comparison: Comparison) -> None:
        """Where the live generation stands still, all that is pending must agree; else only what was named differs."""
        stands = await self.live.stands()
        if not self.replay.left(stands):
            await comparison.last(())

    async def last(self, comparison: Comparison, stands: Stands) -> None:
        """In the pause: read exactly up to there; then all that is left must agree."""
        await self.replay.to(stands)
        await comparison.last(self._noted.take())

    def switch(self) -> Switch:
        """What makes this the live generation."""
        site = self._site
        return Switch(self.processor, site.documents, site.health, site.log.epoch, self.generation, site.pause_s)

    async def drop(self) -> None:
        """It is not wanted."""
        await self._site.drop(self.processor, self.generation)

    @property
    def side(self) -> Side:
        """Where its rows are."""
        return Side(self._site.documents, self.generation)
