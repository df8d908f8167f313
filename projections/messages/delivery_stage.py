"""Reads a message's delivery stage from the live read models: persisted, or delivered to or read by another user."""

from collections.abc import Callable, Sequence
from typing import Final

from core.domain.content import Content
from core.ports.documents import Documents, Row, TableGeneration
from projections.generations import Generations
from projections.messages import message_rows
from projections.receipts import receipt_rows

PERSISTED: Final = "persisted"
MAX_CURSORS: Final = 100
"""Maximum number of cursors at or beyond a message that are searched for one of a user who may read it."""

MayRead = Callable[[str, int], bool]
"""Whether this user may read the message with this number."""


class DeliveryStageReader:
    """Reads the live generations. Raises `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def stage(self, message_id: str, content: Content, may_read: MayRead) -> str | None:
        """Return the furthest stage of the message with this content; None while it is not in the read model, or has
        another content: then an earlier command took its id.
        """
        place = TableGeneration(message_rows.ROWS, self._generations.live(message_rows.MODEL))
        row = (await self._documents.get(place, [message_id])).get(message_id)
        if row is None or message_rows.sent_content(row) != content:
            return None
        for stage in reversed(receipt_rows.CURSOR_STAGES):
            if _reached_by_other(row, await self._cursors_at(row, stage), may_read):
                return stage
        return PERSISTED

    async def _cursors_at(self, row: Row, stage: str) -> Sequence[Row]:
        """Return cursors at the message or beyond."""
        place = TableGeneration(receipt_rows.ROWS, self._generations.live(receipt_rows.MODEL))
        equals, seq = [row["conversation_id"]], row["sent"]["n"]
        return await self._documents.find(place, stage, equals, low=seq, limit=MAX_CURSORS)


def _reached_by_other(row: Row, cursors: Sequence[Row], may_read: MayRead) -> bool:
    sent = row["sent"]
    return any(one["user_id"] != sent["sender"] and may_read(one["user_id"], sent["n"]) for one in cursors)
