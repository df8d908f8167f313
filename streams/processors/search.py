"""The `search` processor keeps each message's own facets and indexes their merge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.health import Health
from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.effects import Effects
from core.ports.search_index import Entry, IndexBehind, Positions, SearchIndex, behind
from core.retry import retry_until_available
from projections.messages import message_rows
from projections.search import search_documents
from schemas.topics import partitions
from streams.runtime.processor import Batch, everything

logger: Final = logging.getLogger("caas.search")
PAGE: Final = 1000
T = TypeVar("T")


class Search:
    """Writes the table `search_docs` and the search index.

    The index is compared with its rows before work begins and while it runs. One that is missing, emptied or behind its
    rows is filled from the rows, whatever the log still keeps; readiness reports it. One that is ahead (the rows were
    restored from an older backup) is left as it is: the log is read again from the checkpoint of the rows, the same
    facets give the same versions, and every entry that is read again replaces itself. One that is ahead of the log too
    is dropped, and filled: the log will not deliver its entries again.
    """

    name: Final = search_documents.MODEL
    version: Final = 1
    topics: Final = tuple(message_rows.CONTENT_LANE_OF)
    takes: Final = staticmethod(everything)
    tables: Final = (search_documents.ROWS,)

    def __init__(self, documents: Documents, index: SearchIndex, health: Health | None = None) -> None:
        self._documents = documents
        self._index = index
        self._health = health or Health()
        self._check_lock = asyncio.Lock()

    async def prepare(self, generation: int) -> None:
        """Create this generation's table and index."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])
        await self.check(generation)

    async def check(self, generation: int) -> None:
        """Return when the index has everything that its rows have; fill it where it does not."""
        async with self._check_lock:
            while (cause := await incomplete(self._documents, self._index, generation)) is not None:
                await self._fill(generation, cause)

    async def check_ends(self, generation: int, ends: Positions) -> None:
        """Drop an index that was made from records that this log does not have."""
        indexed = await self._retry(lambda: self._index.checkpoint(generation, ends))
        if indexed is not None and behind(ends, indexed):
            logger.warning("search: the index of generation %d is ahead of the log, it is created again", generation)
            await self._retry(lambda: self._index.drop(generation))

    async def apply(self, batch: Batch) -> Effects:
        """Save the facets, read the rows back, index them, then save the checkpoint: the index is of the rows."""
        at = batch.place(search_documents.ROWS)
        keys = {message_rows.row_id(fact) for fact in batch.facts}
        writes = search_documents.fold(batch.facts, await self._documents.get(at, keys))
        await self._documents.save(Changes([(at, writes)], [], base=batch.base))
        rows = await self._documents.get(at, keys)
        entries = [entry for row in rows.values() if (entry := search_documents.entry(row)) is not None]
        while not await self._indexed(batch, entries):
            await self.check(batch.generation)
            await self._documents.save(Changes([], [], base=batch.base))  # fails unless the rows still have the base
        await self._documents.save(Changes([], [], batch.checkpoint, batch.base))
        return Effects()

    async def _indexed(self, batch: Batch, entries: list[Entry]) -> bool:
        """Return whether the index accepted the entries: only on top of all that was read before."""
        try:
            await self._index.index(batch.generation, entries, batch.begins, batch.positions)
        except IndexBehind as lost:
            logger.info("search: %s", lost)
            return False
        return True

    async def _fill(self, generation: int, cause: str) -> None:
        """Empty the index and fill it from the rows, page by page. It may be lost again meanwhile."""
        self._health.waits("search: index", f"the index of generation {generation} {cause}: it is being created")
        try:
            token = await self._retry(lambda: self._index.begin(generation))
            positions = await self._retry(lambda: self._documents.checkpoints(self.name, generation))
            if positions:
                logger.warning("search: the index of generation %d %s, filling it from search_docs", generation, cause)
            done = await self._put_all(generation, cause)
            await self._retry(lambda: self._index.complete(generation, token, positions))
            if positions:
                logger.warning("search: the index of generation %d is filled, %d rows", generation, done)
                self._health.count("search_index_fills")
        except IndexBehind as lost:
            logger.warning("search: the index was lost while it was filled: %s", lost)
        finally:
            self._health.goes_on("search: index")

    async def _put_all(self, generation: int, cause: str) -> int:
        """Index every row as it is now; rows saved meanwhile are indexed by the worker that saves them."""
        at, after, done = TableGeneration(search_documents.ROWS, generation), "", 0
        while rows := await self._retry(lambda: self._documents.scan(at, after=after, limit=PAGE)):  # noqa: B023
            entries = [entry for row in rows if (entry := search_documents.entry(row)) is not None]
            await self._retry(lambda: self._index.put(generation, entries))  # noqa: B023
            after, done = rows[-1]["_id"], done + len(rows)
            self._health.waits(
                "search: index",
                f"the index of generation {generation} {cause}: it is being filled from search_docs, {done} rows done",
            )
        return done

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Retry while there is an outage: a fill continues where it was interrupted."""
        return await retry_until_available("search: fill", call, self._health)


async def incomplete(documents: Documents, index: SearchIndex, generation: int) -> str | None:
    """Return what the index of this generation lacks of its rows; None: nothing."""
    rows = await documents.checkpoints(Search.name, generation)  # first: the index moves before them
    return lacking(await index.checkpoint(generation, partitions(*Search.topics)), rows)


def lacking(indexed: Positions | None, rows: Positions) -> str | None:
    """Return what an index with this checkpoint lacks of its rows with that one; None: nothing."""
    if indexed is None:
        return "is missing or not complete"
    gone = behind(indexed, rows)
    return f"lacks {', '.join(f'{at.topic}/{at.number}' for at in gone)}" if gone else None
