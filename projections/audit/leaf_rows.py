"""Reads hashes of leaves of the audit log's tree from the rows of its records, where no tile has them."""

from core.audit.tiles import WIDTH, Tile, leaves_of
from core.ports.documents import Documents, TableGeneration
from projections.audit import audit_rows


async def read_leaves(documents: Documents, generation: int, tenant: str, tile: Tile, size: int) -> bytes:
    """Return what a tile of level 0 has in a tenant's tree of this size. Raises `Unavailable`."""
    leaves = leaves_of(tile, size)
    place = TableGeneration(audit_rows.ROWS, generation)
    rows = await documents.find(place, "number", [tenant], low=leaves.start + 1, high=leaves.stop + 1, limit=WIDTH)
    return b"".join(bytes.fromhex(row[audit_rows.LANE]["leaf"]) for row in rows)
