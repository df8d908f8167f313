"""Reads the members' cursors of a conversation, delivered and read, from the live read model of receipts."""

from collections.abc import Sequence

from core.ports.documents import Documents, TableGeneration
from projections.generations import Generations
from projections.receipts import receipt_rows
from schemas.wire.views import CursorView


class CursorReader:
    """Reads the live generation. Raises `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def of(self, conversation_id: str, users: Sequence[str]) -> dict[str, CursorView]:
        """Return the cursor of each of these users, in their order; at 0 for a user without public receipts."""
        place = TableGeneration(receipt_rows.ROWS, self._generations.live(receipt_rows.MODEL))
        ids = {user: receipt_rows.row_id(conversation_id, user) for user in users}
        rows = await self._documents.get(place, ids.values())
        return {user: receipt_rows.cursor_of(user, rows.get(key, {})) for user, key in ids.items()}
