"""The `audit` processor numbers the records of the topic `audit.log` in each tenant, and saves them."""

from typing import Final

from core.audit.tiles import Tile
from core.ports.documents import Changes, Documents, TableGeneration, Write
from core.ports.effects import Effects
from projections.audit import audit_rows
from projections.audit.audit_rows import Growth
from projections.audit.leaf_rows import read_leaves
from projections.facts import LaneCounter
from schemas import topics
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch, everything


class Audit:
    """Writes the tables of the read model `audit`."""

    name: Final = audit_rows.MODEL
    version: Final = 2
    topics: Final = (topics.AUDIT_LOG,)
    takes: Final = staticmethod(everything)
    tables: Final = (audit_rows.ROWS, audit_rows.SUBJECTS, audit_rows.TILES, audit_rows.HEADS)

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
        filling = [(tenant, growth) for tenant, growth in folded.grown.items() if growth.fills_tile]
        tiles = [write for tenant, growth in filling for write in await self._tiles(batch, tenant, growth)]
        subjects = (batch.place(audit_rows.SUBJECTS), folded.subjects)
        saved = [(rows_at, folded.rows), subjects, (batch.place(audit_rows.TILES), tiles)]
        await self._documents.save(Changes(saved, [(heads_at, folded.heads)], batch.checkpoint, batch.base))
        self._heads.saved(batch, folded.heads)
        return Effects()

    async def _tiles(self, batch: Batch, tenant: str, growth: Growth) -> list[Write]:
        """Return the tiles to save; what they had is read from their rows, of level 0 from those of the records."""
        stored: dict[Tile, bytes] = {}
        for tile in audit_rows.needed_tiles(growth):
            if tile.level:
                key = audit_rows.tile_id(tenant, tile)
                rows = await self._documents.get(batch.place(audit_rows.TILES), [key])
                stored[tile] = audit_rows.content_of(rows.get(key))
            else:
                size = growth.before.size
                stored[tile] = await read_leaves(self._documents, batch.generation, tenant, tile, size)
        return audit_rows.tile_writes(tenant, growth, stored)
