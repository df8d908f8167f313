"""Tests that members' cursors are read from the live generation, one for each requested user."""

from core.ports.documents import Changes, TableGeneration, Write
from projections.generations import Generations
from projections.receipts import receipt_rows
from projections.receipts.cursors import CursorReader
from projections.stores.memory import MemoryDocuments
from schemas.wire.views import CursorView


def row(user: str, device: str = "", **seqs: int) -> Write:
    fixed = {"tenant": "acme", "conversation_id": "room", "user_id": user}
    facets = {stage: {"pos": 1, "seq": seq, "was": 0} for stage, seq in seqs.items()}
    return Write(receipt_rows.row_id("room", user, device), fixed, facets)


async def test_every_requested_user_has_a_cursor_in_order() -> None:
    documents = MemoryDocuments()
    place = TableGeneration(receipt_rows.ROWS, 1)
    await documents.prepare([place])
    bob = [row("bob", read=2, delivered=5), row("bob", "phone", delivered=5)]
    rows = [*bob, row("cy", read=7), row("ann", persisted=9)]
    await documents.save(Changes([(place, rows)], []))
    found = await CursorReader(documents, Generations(documents, (receipt_rows.MODEL,))).of(
        "room", ["cy", "ann", "bob"]
    )
    assert list(found.items()) == [
        ("cy", CursorView(user_id="cy", read_seq=7, delivered_seq=7)),
        ("ann", CursorView(user_id="ann", read_seq=0, delivered_seq=0)),
        ("bob", CursorView(user_id="bob", read_seq=2, delivered_seq=5)),
    ]
