"""The `search` processor: keeps each message's own facets and indexes what they merge to."""

from typing import Final

from core.ports.documents import Changes, Documents, Place
from core.ports.effects import Effects
from core.ports.search_index import SearchIndex
from projections import messages, search_docs
from streams.processor import Batch, everything


class Search:
    """Writes the table `search_docs` and the search index."""

    name: Final = search_docs.MODEL
    version: Final = 1
    topics: Final = tuple(messages.CONTENT_LANE_OF)
    takes: Final = staticmethod(everything)
    tables: Final = (search_docs.ROWS,)

    def __init__(self, documents: Documents, index: SearchIndex) -> None:
        self._documents = documents
        self._index = index

    async def prepare(self, generation: int) -> None:
        """Make this generation's table and index."""
        await self._documents.prepare([Place(table, generation) for table in self.tables])
        await self._index.prepare(generation)

    async def apply(self, batch: Batch) -> Effects:
        """Save the facets, read the rows back, index them, and only then the checkpoint: the index is of the rows."""
        at = batch.place(search_docs.ROWS)
        keys = {messages.row_id(fact) for fact in batch.facts}
        writes = search_docs.fold(batch.facts, await self._documents.get(at, keys))
        await self._documents.save(Changes([(at, writes)], [], base=batch.base))
        rows = await self._documents.get(at, keys)
        entries = [entry for row in rows.values() if (entry := search_docs.entry(row)) is not None]
        await self._index.index(batch.generation, entries)
        await self._documents.save(Changes([], [], batch.checkpoint, batch.base))
        return Effects()
