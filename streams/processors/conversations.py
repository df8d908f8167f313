"""The `conversations` processor folds who is in which conversation, saves it, then pushes it to the nodes."""

from typing import Final

from core.commands.causing_command import command_of
from core.ports.documents import Changes, Documents, TableGeneration
from core.ports.effects import Effects
from projections.conversations import conversation_rows
from projections.conversations.changes import view_of
from projections.conversations.conversation_rows import NumberedChange
from projections.facts import LaneCounter
from schemas import topics
from schemas.events import ConversationEvent
from schemas.wire import frames
from schemas.wire.frames import Push
from schemas.wire.views import ReceiptView
from streams.processors.derived_effects import conflict_push, conflict_record, push_to_actor
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch, everything


class Conversations:
    """Writes the tables of the read model `conversations`."""

    name: Final = conversation_rows.MODEL
    version: Final = 5
    topics: Final = (topics.CONVERSATION_UPDATED,)
    takes: Final = staticmethod(everything)
    tables: Final = (
        conversation_rows.ROWS,
        conversation_rows.PARTICIPANTS,
        conversation_rows.CHANGES,
        conversation_rows.HEADS,
    )

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._heads = HeadCache(documents)

    async def prepare(self, generation: int) -> None:
        """Create this generation's tables."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Save changes before the states they lead to, and both before the checkpoint, in one save."""
        rows_at, changes_at = batch.place(conversation_rows.ROWS), batch.place(conversation_rows.CHANGES)
        heads_at, people_at = batch.place(conversation_rows.HEADS), batch.place(conversation_rows.PARTICIPANTS)
        keys = {fact.envelope.subject for fact in batch.facts}
        heads = LaneCounter(await self._heads.read(batch, heads_at, keys))
        rows = await self._documents.get(rows_at, keys)
        changes = await self._documents.get(changes_at, {fact.envelope.id for fact in batch.facts})
        folded = conversation_rows.fold(batch.facts, rows, changes, heads)
        await self._documents.save(
            Changes(
                [(changes_at, folded.changes), (rows_at, folded.rows), (people_at, folded.participants)],
                [(heads_at, folded.heads)],
                batch.checkpoint,
                batch.base,
            )
        )
        self._heads.saved(batch, folded.heads)
        return Effects(
            logged=[
                conflict_record(one.fact, self.name, command_of(event))
                for one in folded.numbered
                if one.conflict and isinstance(event := one.fact.event, ConversationEvent)
            ],
            hints=[push for one in folded.numbered for push in _pushes(one, batch.generation)],
        )


def _pushes(change: NumberedChange, generation: int) -> list[Push]:
    fact = change.fact
    pushes = []
    if not change.repeat:
        pushes.append(
            Push(
                model=conversation_rows.MODEL,
                generation=generation,
                conversation_id=fact.envelope.subject,
                frame=frames.push(
                    frames.PUSH_OF_LANE[conversation_rows.LANE],
                    view_of(change.change),
                    conversation_rows.LANE,
                    change.n,
                    fact.envelope.correlation_id,
                ),
                lane=conversation_rows.LANE,
                n=change.n,
                conversation_n=change.n,
                recorded_ms=fact.recorded_ms,
                traceparent=fact.envelope.traceparent,
            )
        )
    if change.conflict:
        pushes.append(conflict_push(fact, conversation_rows.MODEL, generation))
    elif not change.applied:
        pushes.append(_ignored(change, generation))
    return pushes


def _ignored(change: NumberedChange, generation: int) -> Push:
    """Return the receipt for the sender of a change that the log had already decided otherwise."""
    fact = change.fact
    receipt = ReceiptView(
        conversation_id=fact.envelope.subject,
        message_id="",
        seq=0,
        stage="persisted",
        lane=conversation_rows.LANE,
        applied=False,
    )
    frame = frames.push("receipt", receipt, correlation_id=fact.envelope.correlation_id)
    return push_to_actor(fact, conversation_rows.MODEL, generation, frame, fact.envelope.subject)
