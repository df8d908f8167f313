"""The search index with faults, and with losses from outside."""

import asyncio
import copy
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.health import Health
from core.ports.event_log import Unavailable
from core.ports.search_index import TIMEOUT_S, Entry, Hit, Hits, Positions, Query
from core.retry import retry_until_available
from projections.search.memory import MemorySearchIndex
from schemas.topics import Partition
from streams.processors.search import Search
from streams.runtime.processor import SelfChecking
from streams.runtime.worker import Worker
from tests.simulation.weather import Process, Weather

CHECK_S = 2.0


class FlakyIndex:
    """The SearchIndex as one process sees it."""

    def __init__(self, inner: MemorySearchIndex, weather: Weather, process: Process) -> None:
        self._inner = inner
        self._weather = weather
        self._process = process

    async def start(self) -> None:
        await self._inner.start()

    async def stop(self) -> None:
        await self._inner.stop()

    async def begin(self, generation: int) -> str:
        await self._weather.pass_by(self._process, "index")
        return await self._inner.begin(generation)

    async def put(self, generation: int, entries: Sequence[Entry]) -> None:
        await self._weather.pass_by(self._process, "index")
        await self._inner.put(generation, entries)

    async def complete(self, generation: int, token: str, until: Positions) -> None:
        await self._weather.pass_by(self._process, "index")
        await self._inner.complete(generation, token, until)

    async def index(self, generation: int, entries: Sequence[Entry], since: Positions, until: Positions) -> None:
        await self._weather.pass_by(self._process, "index")
        await self._inner.index(generation, entries, since, until)
        if self._weather.fails("index"):
            raise Unavailable("the index went down before it answered")

    async def checkpoint(self, generation: int, partitions: Iterable[Partition]) -> dict[Partition, int] | None:
        await self._weather.pass_by(self._process, "index")
        return await self._inner.checkpoint(generation, partitions)

    async def entries(self, generation: int, message_ids: Iterable[str]) -> dict[str, Entry]:
        return await self._inner.entries(generation, message_ids)

    async def scan(self, generation: int, *, after: str = "", limit: int = 1000) -> list[Entry]:
        return await self._inner.scan(generation, after=after, limit=limit)

    async def refresh(self, generation: int) -> None:
        await self._inner.refresh(generation)

    async def search(
        self, generation: int, query: Query, *, before: Hit | None = None, limit: int, within_s: float = TIMEOUT_S
    ) -> Hits:
        return await self._inner.search(generation, query, before=before, limit=limit, within_s=within_s)

    async def drop(self, generation: int) -> None:
        await self._inner.drop(generation)


class Older:
    """Keeps an old copy of an index, to restore it."""

    def __init__(self, index: MemorySearchIndex) -> None:
        self._index = index
        self._kept: Any = None

    def lose(self, chance: random.Random) -> str:
        """Delete the index, or restore an older copy if one was kept. Return which."""
        kept = self._kept
        if all(state.filling is None for state in self._index._states.values()):
            self._kept = copy.deepcopy((self._index._entries, self._index._states))
        if kept is None or chance.random() < 0.5:
            self._index._entries, self._index._states = {}, {}
            return "deleted"
        self._index._entries, self._index._states = copy.deepcopy(kept)
        return "put back older"


async def checked(worker: Worker) -> None:
    """Check what a processor stores beside its rows every two seconds, as the gate does, also while it is idle."""
    while isinstance(processor := worker.processor, SelfChecking):
        await asyncio.sleep(CHECK_S)
        await retry_until_available("check", lambda: processor.check(1), Health())


class Unchecked(Search):
    """Creates a missing index, and trusts every existing one."""

    async def check(self, generation: int) -> None:
        if await self._index.checkpoint(generation, ()) is None:
            await super().check(generation)

    async def _indexed(self, batch: Any, entries: list[Entry]) -> bool:
        return await super()._indexed(replace(batch, begins={}), entries)
