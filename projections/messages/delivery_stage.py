"""How far a message has come by the live read models: whether it is there, and whether somebody else got or read it."""

from collections.abc import Callable, Sequence
from typing import Final

from core.domain.content import Content
from core.ports.documents import Documents, Row, TableGeneration
from projections.generations import Generations
from projections.messages import message_rows
from projections.receipts import receipt_rows

PERSISTED: Final = "persisted"
LOOKED_AT: Final = 100
"""So many cursors beyond a message are looked at for one of somebody who reads it."""

Reads = Callable[[str, int], bool]
"""Whether a message with this number is this user's to read."""


class Reached:
    """Reads the live generations. Raises `Unavailable`."""

    def __init__(self, documents: Documents, generations: Generations) -> None:
        self._documents = documents
        self._generations = generations

    async def stage(self, message_id: str, said: Content, reads: Reads) -> str | None:
        """The furthest stage of the message that said this; None while it is not in the read model, or says something
        else: then it is another's that came first.
        """
        place = TableGeneration(message_rows.ROWS, self._generations.live(message_rows.MODEL))
        row = (await self._documents.get(place, [message_id])).get(message_id)
        if row is None or message_rows.said_in(row) != said:
            return None
        for stage in reversed(receipt_rows.REACHED):
            if _somebody(row, await self._beyond(row, stage), reads):
                return stage
        return PERSISTED

    async def _beyond(self, row: Row, stage: str) -> Sequence[Row]:
        """The cursors that cover it."""
        place = TableGeneration(receipt_rows.ROWS, self._generations.live(receipt_rows.MODEL))
        equals, seq = [row["conversation_id"]], row["sent"]["n"]
        return await self._documents.find(place, stage, equals, low=seq, limit=LOOKED_AT)


def _somebody(row: Row, cursors: Sequence[Row], reads: Reads) -> bool:
    sent = row["sent"]
    return any(one["user_id"] != sent["sender"] and reads(one["user_id"], sent["n"]) for one in cursors)
