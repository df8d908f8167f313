"""The `audit` processor numbers the records of the topic `audit.log` in each tenant, and saves them."""

from typing import Final

from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.effects import Effects
from projections.audit import audit_rows
from projections.facts import LaneCounter
from schemas import topics
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch, everything


class Audit:
    """Writes the tables of the read model `audit`."""

    name: Final = audit_rows.MODEL
    version: Final = 1
    topics: Final = (topics.AUDIT_LOG,)
    takes: Final = staticmethod(everything)
    tables: Final = (audit_rows.ROWS, audit_rows.HEADS)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._heads = HeadCache(documents)

    async def prepare(self, generation: int) -> None:
        """Create this generation's tables."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Read heads before rows, then fold and save."""
        rows_at, heads_at = batch.place(audit_rows.ROWS), batch.place(audit_rows.HEADS)
        tenants = {fact.envelope.tenant for fact in batch.facts}
        heads = LaneCounter(await self._heads.read(batch, heads_at, tenants))
        rows = await self._documents.get(rows_at, {fact.envelope.id for fact in batch.facts})
        folded = audit_rows.fold(batch.facts, rows, heads)
        await self._documents.save(
            Changes([(rows_at, folded.rows)], [(heads_at, folded.heads)], batch.checkpoint, batch.base)
        )
        self._heads.saved(batch, folded.heads)
        return Effects()
