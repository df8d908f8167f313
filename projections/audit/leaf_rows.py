"""Reads records of a tile of the audit log's tree, and hashes of leaves from them, where no tile has them."""

from core.audit.tiles import WIDTH, Tile, leaves_of
from core.ports.documents import Documents, Row, TableGeneration
from projections.audit import audit_rows


async def read_leaves(documents: Documents, generation: int, tenant: str, tile: Tile, size: int) -> bytes:
    """Return what a tile of level 0 has in a tenant's tree of this size. Raises `Unavailable`."""
    return leaves_in(await read_records(documents, generation, tenant, tile, size))


async def read_records(documents: Documents, generation: int, tenant: str, tile: Tile, size: int) -> list[Row]:
    """Return the rows of the records below a tile of level 0, in their order. Raises `Unavailable`."""
    leaves = leaves_of(tile, size)
    if not leaves:
        return []
    place = TableGeneration(audit_rows.ROWS, generation)
    return await documents.find(place, "number", [tenant], low=leaves.start + 1, high=leaves.stop + 1, limit=WIDTH)


def leaves_in(records: list[Row]) -> bytes:
    """Return the hashes of these records, one after another."""
    return b"".join(bytes.fromhex(row[audit_rows.LANE]["leaf"]) for row in records)
