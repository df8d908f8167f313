"""Candidate is the generation that is to become the live one: it follows the live one through the log, never ahead of
it.
"""

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
from streams.rebuild.replay import Fold, Live, Replay, ReplayProgress
from streams.rebuild.switch import Offsets, Switch
from streams.rebuild.write_tracking import TrackedDocuments
from streams.runtime.lineage import acknowledged
from streams.runtime.processor import Processor

T = TypeVar("T")
MAX_PAUSE_RECORDS: Final = 500
"""Maximum number of records or rows that fit into a pause."""
MAX_ROUNDS: Final = 50

DropExtra = Callable[[int], Awaitable[None]]
"""Drops what else a generation has, such as its search index."""


@dataclass(frozen=True, slots=True)
class RebuildContext:
    """The log, the stores and the settings of a rebuild."""

    fold: Fold
    log: EventLog
    documents: Documents
    health: Health
    progress: ReplayProgress
    pause_s: float
    drop_extra: DropExtra | None = None

    async def pointer(self, model: str) -> Pointer:
        """Return the model's pointer."""
        return await self.retry_until_available(lambda: read_pointer(self.documents, model))

    async def begun(self, processor: Processor) -> Pointer:
        """Record a new generation, then drop those that are neither live nor the previous one; return the pointer."""
        while True:
            old = await self.pointer(processor.name)
            new = msgspec.structs.replace(old, newest=old.newest + 1, pause=None)
            if await self.retry_until_available(lambda: replace_pointer(self.documents, processor.name, new, old)):  # noqa: B023
                break
        for generation in set(range(1, new.newest)) - {new.live, new.before}:
            await self.drop(processor, generation)
        return new

    async def drop(self, processor: Processor, generation: int) -> None:
        """Delete everything that a generation has."""
        places = [TableGeneration(table, generation) for table in processor.tables]
        for name in (processor.name, acknowledged(processor.name)):
            await self.retry_until_available(lambda: self.documents.drop(places, (name, generation)))  # noqa: B023
        if (drop_extra := self.drop_extra) is not None:
            await self.retry_until_available(lambda: drop_extra(generation))

    async def retry_until_available(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until the store is available: an outage is waited out."""
        return await retry_until_available("rebuild", call, self.health)


class Candidate:
    """One generation beside the live one, which `pointer` names."""

    def __init__(self, context: RebuildContext, pointer: Pointer, generation: int) -> None:
        self.generation = generation
        self._context = context
        self._tracked = TrackedDocuments(context.documents)
        self.processor = context.fold(self._tracked)
        self.live = Live(self.processor, context.log, context.documents, context.health, pointer.live)
        self.replay = Replay(
            self.processor, context.log, self._tracked, context.health, generation, progress=context.progress
        )

    async def catch_up(self) -> None:
        """Replay in rounds up to the offsets of the live generation, until few records are left."""
        for _ in range(MAX_ROUNDS):
            offsets = await self.live.offsets()
            left = self.replay.left(offsets)
            await self.replay.to(offsets)
            if left <= MAX_PAUSE_RECORDS:
                return

    async def compared(self) -> Comparison:
        """Compare all rows with the live generation; the candidate does not advance meanwhile."""
        self._tracked.take()
        documents = self._context.documents
        live = Side(documents, self.live.generation)
        comparison = Comparison(self.processor.tables, self.side, live, self._context.health, documents)
        await comparison.scan()
        return comparison

    async def settle(self, comparison: Comparison) -> None:
        """Follow the live generation, compare again what changed, until little is left. Raises `ReadModelStalled`."""
        for _ in range(MAX_ROUNDS):
            await self.replay.to(await self.live.wait_until_caught_up())
            await comparison.recheck(self._tracked.take())
            if comparison.differences or len(comparison.pending) <= MAX_PAUSE_RECORDS:
                return

    async def judge(self, comparison: Comparison) -> None:
        """Compare finally where both are at the same offsets; else only what was already named differs."""
        offsets = await self.live.offsets()
        if not self.replay.left(offsets):
            await comparison.final_check(())

    async def final_check(self, comparison: Comparison, offsets: Offsets) -> None:
        """Replay, in the pause, exactly up to these offsets; then all that is left must agree."""
        await self.replay.to(offsets)
        await comparison.final_check(self._tracked.take())

    def switch(self) -> Switch:
        """Return the switch that makes this generation live."""
        context = self._context
        return Switch(
            self.processor, context.documents, context.health, context.log.epoch, self.generation, context.pause_s
        )

    async def drop(self) -> None:
        """Drop this candidate."""
        await self._context.drop(self.processor, self.generation)

    @property
    def side(self) -> Side:
        """Return where its rows are."""
        return Side(self._context.documents, self.generation)
