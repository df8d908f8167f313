"""The `audit` processor numbers the records of the topic `audit.log` in each tenant, saves them, and sums them."""

from collections.abc import Mapping
from typing import Final

from core.audit.tiles import WIDTH, Tile
from core.ports.documents import Changes, Documents, Row, TableGeneration, Write
from core.ports.effects import Effects
from projections.audit import audit_rows, day_sums
from projections.audit.audit_rows import Growth
from projections.audit.leaf_rows import leaves_in, read_records
from projections.facts import LaneCounter
from schemas import topics
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch, everything


class Audit:
    """Writes the tables of the read model `audit`."""

    name: Final = audit_rows.MODEL
    version: Final = 3
    topics: Final = (topics.AUDIT_LOG,)
    takes: Final = staticmethod(everything)
    tables: Final = (audit_rows.ROWS, audit_rows.SUBJECTS, audit_rows.TILES, day_sums.SUMS, audit_rows.HEADS)

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
        subjects = (batch.place(audit_rows.SUBJECTS), folded.subjects)
        saved = [(rows_at, folded.rows), subjects, *await self._filled(batch, folded.grown)]
        await self._documents.save(Changes(saved, [(heads_at, folded.heads)], batch.checkpoint, batch.base))
        self._heads.saved(batch, folded.heads)
        return Effects()

    async def _filled(self, batch: Batch, grown: Mapping[str, Growth]) -> list[tuple[TableGeneration, list[Write]]]:
        """Return the tiles to save where one of level 0 is filled, and the sums with the records of these."""
        tiles, sums = list[Write](), list[Write]()
        for tenant, growth in grown.items():
            if growth.fills_tile:
                size = growth.before.size
                begun = await read_records(self._documents, batch.generation, tenant, Tile(0, size // WIDTH), size)
                tiles += await self._tiles(batch, tenant, growth, leaves_in(begun))
                sums += await self._sums(batch, [*begun, *growth.records[: growth.full - size]])
        return [(batch.place(audit_rows.TILES), tiles), (batch.place(day_sums.SUMS), sums)]

    async def _tiles(self, batch: Batch, tenant: str, growth: Growth, leaves: bytes) -> list[Write]:
        """Return the tiles to save; what they had is read from their rows, `leaves` of that of level 0."""
        stored: dict[Tile, bytes] = {}
        for tile in audit_rows.needed_tiles(growth):
            if tile.level:
                key = audit_rows.tile_id(tenant, tile)
                rows = await self._documents.get(batch.place(audit_rows.TILES), [key])
                stored[tile] = audit_rows.content_of(rows.get(key))
            else:
                stored[tile] = leaves
        return audit_rows.tile_writes(tenant, growth, stored)

    async def _sums(self, batch: Batch, records: list[Row]) -> list[Write]:
        """Return the sums with these records."""
        stored = await self._documents.get(batch.place(day_sums.SUMS), day_sums.ids_of(records))
        return day_sums.add(records, stored)
