"""The `receipts` processor: keeps how far each sender's messages came, and tells the sender."""

from typing import Final

from core.ports.documents import Changes, Documents, Place
from core.ports.effects import Effects
from projections import receipts
from projections.facts import Fact
from schemas import frames, topics
from schemas.events import MessageDelivered
from schemas.frames import Push
from streams.processor import Batch, everything


class Receipts:
    """Writes the table of the read model `receipts`."""

    name: Final = receipts.MODEL
    version: Final = 1
    topics: Final = (topics.MESSAGE_DELIVERED,)
    takes: Final = staticmethod(everything)
    tables: Final = (receipts.ROWS,)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def prepare(self, generation: int) -> None:
        """Make this generation's table."""
        await self._documents.prepare([Place(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Look up, fold, save, tell."""
        at = batch.place(receipts.ROWS)
        keys = {key for fact in batch.facts if (key := receipts.row_id(fact)) is not None}
        writes = receipts.fold(batch.facts, await self._documents.get(at, keys))
        await self._documents.save(Changes([(at, writes)], [], batch.checkpoint))
        return Effects(hints=[push for fact in batch.facts for push in _pushes(fact, batch.generation)])


def _pushes(fact: Fact, generation: int) -> list[Push]:
    event = fact.event
    if not isinstance(event, MessageDelivered):
        return []
    return [
        Push(
            model=receipts.MODEL,
            generation=generation,
            conversation_id=event.conversation_id,
            frame=frames.push("receipt", receipts.view(event), correlation_id=fact.envelope.correlation_id),
            to=event.sender,
        )
    ]
