"""Leaves are read from the records of one tenant, up to a size, in the order of their numbers."""

from core.audit.tiles import WIDTH, Tile
from core.ports.documents import Changes, TableGeneration
from projections.audit import audit_rows
from projections.audit.audit_rows import LANE
from projections.audit.leaf_rows import read_leaves
from projections.facts import LaneCounter
from projections.stores.memory import MemoryDocuments
from tests.given import TENANT
from tests.projections.audit.test_audit_rows import fact


async def test_leaves_of_a_tile_are_read_up_to_the_size() -> None:
    documents, place = MemoryDocuments(), TableGeneration(audit_rows.ROWS, 1)
    await documents.start([audit_rows.ROWS])
    facts = [fact(n, f"r{n}") for n in range(WIDTH + 5)] + [fact(n, f"o{n}", tenant="umbra") for n in range(3)]
    rows = audit_rows.fold(facts, {}, LaneCounter({})).rows
    await documents.save(Changes([(place, rows)], []))
    leaves = [bytes.fromhex(row.facets[LANE]["leaf"]) for row in rows]
    assert await read_leaves(documents, 1, TENANT, Tile(0, 0), 3) == b"".join(leaves[:3])
    assert await read_leaves(documents, 1, TENANT, Tile(0, 1), WIDTH + 4) == b"".join(leaves[WIDTH : WIDTH + 4])
    assert await read_leaves(documents, 1, "umbra", Tile(0, 0), 3) == b"".join(leaves[-3:])
