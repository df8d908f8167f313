"""AuditTrees answers from the Merkle trees of the audit log: roots, and the proofs of records and of older trees."""

import asyncio
from collections.abc import Collection, Iterable

from core.audit.merkle import (
    Frontier,
    NodeHash,
    Path,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    root_from,
    root_path,
)
from core.audit.tiles import Tile, hashes_in, tiles_of
from core.ports.documents import Documents, TableGeneration
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE
from projections.audit.leaf_rows import read_leaves
from projections.generations import Generations


class AuditTrees:
    """The trees of the live read model `audit`, one for each tenant. All raise `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def newest(self, tenant: str) -> Frontier:
        """Return the tree of all records that are saved."""
        place = TableGeneration(audit_rows.HEADS, self._generations.live(audit_rows.MODEL))
        found = await self._documents.get(place, [tenant])
        return audit_rows.frontier_of(found.get(tenant, {}).get(LANE, {}))

    async def tenants(self) -> list[str]:
        """Return the tenants that have records."""
        place = TableGeneration(audit_rows.HEADS, self._generations.live(audit_rows.MODEL))
        found: list[str] = []
        while rows := await self._documents.scan(place, after=found[-1] if found else ""):
            found += [row["_id"] for row in rows]
        return found

    async def root(self, tenant: str, size: int) -> bytes:
        """Return the root of the tree of the first `size` records. Raises `LookupError` where there are fewer."""
        if size == 0:
            return root_from(0, hashes_in({}))
        return root_from(size, await self._hashes(tenant, size, root_path(size)))

    async def inclusion(self, tenant: str, indexes: Collection[int], size: int) -> dict[int, list[bytes]]:
        """Return for each leaf the proof that it is in the tree of `size` leaves. Raises `LookupError`."""
        paths = [inclusion_path(index, size) for index in indexes]
        hash_of = await self._hashes(tenant, size, tuple(nodes for path in paths for nodes in path))
        return {index: inclusion_proof(index, size, hash_of) for index in indexes}

    async def consistency(self, tenant: str, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` leaves begins with that of `old`. Raises `LookupError`."""
        return consistency_proof(old, new, await self._hashes(tenant, new, consistency_path(old, new)))

    async def _hashes(self, tenant: str, size: int, path: Path) -> NodeHash:
        """Return the hashes of the nodes of a path, read from their tiles."""
        tiles = tiles_of(path)
        place = TableGeneration(audit_rows.TILES, self._generations.live(audit_rows.MODEL))
        rows = await self._documents.get(place, [audit_rows.tile_id(tenant, tile) for tile in tiles])
        contents = {tile: audit_rows.content_of(rows.get(audit_rows.tile_id(tenant, tile))) for tile in tiles}
        contents |= await self._partial(tenant, size, (tile for tile, content in contents.items() if not content))
        return hashes_in(contents)

    async def _partial(self, tenant: str, size: int, tiles: Iterable[Tile]) -> dict[Tile, bytes]:
        """Return the contents of tiles of level 0 that are not full, from the rows of their records."""
        wanted = [tile for tile in tiles if not tile.level]
        live = self._generations.live(audit_rows.MODEL)
        found = await asyncio.gather(*(read_leaves(self._documents, live, tenant, tile, size) for tile in wanted))
        return dict(zip(wanted, found, strict=True))
