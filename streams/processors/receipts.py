"""The `receipts` processor keeps how far each sender's messages came, and each member's cursors; it pushes persisted
messages to their sender, and a cursor that moved to everyone in the conversation.
"""

from typing import Final

from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.effects import Effects
from projections.facts import Fact
from projections.receipts import receipt_rows
from projections.receipts.receipt_rows import Folded
from schemas import topics
from schemas.bounds import CURSOR_MEMBERS
from schemas.events import MessageDelivered
from schemas.wire import frames
from schemas.wire.frames import CURSORS, Push
from streams.processors.derived_effects import push_to_user
from streams.runtime.processor import Batch, everything


class Receipts:
    """Writes the table of the read model `receipts`."""

    name: Final = receipt_rows.MODEL
    version: Final = 2
    topics: Final = (topics.MESSAGE_DELIVERED,)
    takes: Final = staticmethod(everything)
    tables: Final = (receipt_rows.ROWS,)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def prepare(self, generation: int) -> None:
        """Create this generation's table."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Look up, fold, save, push."""
        at = batch.place(receipt_rows.ROWS)
        keys = {key for fact in batch.facts for key in receipt_rows.row_ids(fact)}
        folded = receipt_rows.fold(batch.facts, await self._documents.get(at, keys))
        await self._documents.save(Changes([(at, folded.writes)], [], batch.checkpoint, batch.base))
        persisted = (push for fact in batch.facts for push in _receipts(fact, batch.generation))
        return Effects(hints=[*persisted, *_moved(folded, batch.generation)])


def _receipts(fact: Fact, generation: int) -> list[Push]:
    """Return a receipt of each persisted message for its sender, under the correlation id of what they sent."""
    event = fact.event
    if not isinstance(event, MessageDelivered) or event.stage != "persisted":
        return []
    found = []
    for message in event.messages:
        correlation_id = message.correlation_id or fact.envelope.correlation_id
        frame = frames.push("receipt", receipt_rows.view(event, message), correlation_id=correlation_id)
        about = event.conversation_id
        found.append(push_to_user(message.sender, fact, receipt_rows.MODEL, generation, frame, conversation_id=about))
    return found


def _moved(folded: Folded, generation: int) -> list[Push]:
    """Return one push for each conversation, however many cursors moved there: the node joins them once more."""
    return [
        Push(
            model=receipt_rows.MODEL,
            generation=generation,
            conversation_id=view.conversation_id,
            frame=frames.push(CURSORS, view),
            lane=CURSORS,
        )
        for view in receipt_rows.views_of(folded.moved, CURSOR_MEMBERS)
    ]
