"""The `inbox` processor numbers what users keep for themselves, saves it, pushes it to their sessions, and reports read
positions to senders.
"""

from collections.abc import Iterable
from typing import Final

from core.commands.causing_command import command_of
from core.ports.documents import Changes, Documents, Row, TableGeneration
from core.ports.effects import Effects
from projections.facts import Fact, LaneCounter
from projections.inbox import inbox_rows
from projections.inbox.inbox_rows import NumberedEvent
from schemas import topics
from schemas.envelope import Record
from schemas.events import MessageDelivered
from schemas.events.inbox import CursorMoved, MessageHidden
from schemas.wire import frames
from schemas.wire.frames import Push
from streams.processors.derived_effects import conflict_push, conflict_record, record_of
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch


class Inbox:
    """Writes the tables of the read model `inbox`; of `user.action` it takes the users' inbox actions."""

    name: Final = inbox_rows.MODEL
    version: Final = 2
    topics: Final = (topics.USER_ACTION,)
    takes: Final = staticmethod(inbox_rows.takes)
    tables: Final = (inbox_rows.ROWS, inbox_rows.ACTS, inbox_rows.HEADS)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._heads = HeadCache(documents)

    async def prepare(self, generation: int) -> None:
        """Create this generation's tables."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Save acts before the rows they change, and both before the checkpoint, in one save."""
        rows_at, acts_at, heads_at = (batch.place(table) for table in self.tables)
        heads = LaneCounter(
            await self._heads.read(batch, heads_at, {inbox_rows.owner_of(fact) for fact in batch.facts})
        )
        rows = await self._get(rows_at, {key for fact in batch.facts if (key := inbox_rows.row_of(fact)) is not None})
        known = await self._get(acts_at, {fact.envelope.id for fact in batch.facts if acts(fact)})
        folded = inbox_rows.fold(batch.facts, rows, known, heads)
        made = await self._documents.save(
            Changes(
                [(acts_at, folded.acts), (rows_at, folded.rows)],
                [(heads_at, folded.heads)],
                batch.checkpoint,
                batch.base,
            )
        )
        self._heads.saved(batch, folded.heads)
        now = {write.id: {"_id": write.id, **write.fixed, **write.facets} for write in folded.rows if write.id in made}
        changed = {one.row_id for one in folded.numbered if one.row_id is not None and not one.repeat}
        now |= await self._get(rows_at, changed - now.keys())
        return effects(folded.numbered, now, batch.generation)

    async def _get(self, place: TableGeneration, ids: set[str]) -> dict[str, Row]:
        return await self._documents.get(place, ids) if ids else {}


def acts(fact: Fact) -> bool:
    """Return whether a fact has an act: all but cursors have."""
    return not isinstance(fact.event, CursorMoved)


def effects(numbered: Iterable[NumberedEvent], now: dict[str, Row], generation: int) -> Effects:
    """Return the effects of every fact of a batch, from the rows as they now are; unreadable ones have none."""
    logged: list[Record] = []
    hints: list[Push] = []
    for one in numbered:
        event = inbox_rows.event_of(one.fact)
        if event is None or one.row_id is None:
            continue
        about = event.conversation_id
        if one.conflict:
            command = command_of(event)
            logged.append(conflict_record(one.fact, inbox_rows.MODEL, command, conversation_id=about))
            hints.append(conflict_push(one.fact, inbox_rows.MODEL, generation, conversation_id=about))
        elif not one.repeat:
            if not _passed(one, now[one.row_id]):
                hints.append(_pushed(one, now[one.row_id], generation))
            if isinstance(event, CursorMoved) and not event.private:
                logged.append(_read(one.fact, event))
    return Effects(logged, hints)


def _passed(one: NumberedEvent, row: Row) -> bool:
    """Return whether it was folded before and the row has another record's number, which that record's push reports."""
    facet = row[inbox_rows.FACET]
    return bool(one.n == facet["n"] and one.fact.position != facet["pos"])


def _pushed(one: NumberedEvent, row: Row, generation: int) -> Push:
    envelope, event = one.fact.envelope, one.fact.event
    hidden = event.message_id if isinstance(event, MessageHidden) else None
    channel = inbox_rows.channel_of(envelope.tenant, envelope.subject)
    return Push(
        model=inbox_rows.MODEL,
        generation=generation,
        conversation_id=channel,
        frame=frames.push(
            frames.PUSH_OF_USER, inbox_rows.view(row, hidden), inbox_rows.LANE, one.n, envelope.correlation_id
        ),
        lane=inbox_rows.LANE,
        n=one.n,
        to=channel,
        recorded_ms=one.fact.recorded_ms,
        traceparent=one.fact.envelope.traceparent,
    )


def _read(fact: Fact, event: CursorMoved) -> Record:
    """Return what senders may know. Every cursor that is not private emits it, also one that does not advance: whether
    an old one advanced is not known any more, and receipts advance by themselves, apart from private cursors.
    """
    read = MessageDelivered(
        tenant=fact.envelope.tenant,
        at=fact.envelope.time,
        conversation_id=event.conversation_id,
        seq=event.seq,
        stage="read",
        by=event.user_id,
    )
    return record_of(read, fact, inbox_rows.MODEL, "read")
