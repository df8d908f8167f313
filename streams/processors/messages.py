"""The `messages` processor numbers messages and their changes, saves them, then pushes them to the nodes and the
sender.
"""

from collections.abc import Sequence
from typing import Final

from core.commands.causing_command import command_of
from core.ports.documents import Changes, Documents, Row, StoreBroken, TableGeneration
from core.ports.effects import Effects
from projections.facts import LaneCounter
from projections.messages import message_rows, reactions, threads, unread_markers
from projections.messages.message_rows import Numbered
from schemas.envelope import Record
from schemas.events import MessageEvent, PersistedMessage
from schemas.wire import frames
from schemas.wire.frames import Push
from schemas.wire.views import MessageView
from streams.processors import persisted_records
from streams.processors.derived_effects import conflict_push, conflict_record
from streams.processors.head_cache import HeadCache
from streams.processors.persisted_records import Persisted
from streams.runtime.processor import Batch

COMMAND_OF: Final = {
    "sent": "message:send",
    "edited": "message:edit",
    "deleted": "message:delete",
    reactions.LANE: "reaction:add",
}
"""The command of a lane, for events that cannot be read."""


class Messages:
    """Writes the tables `messages`, `marks` and `heads` of the read model `messages`; of `user.action` it takes
    reactions.
    """

    name: Final = message_rows.MODEL
    version: Final = 6
    topics: Final = tuple(message_rows.LANE_OF)
    takes: Final = staticmethod(reactions.takes)
    tables: Final = (message_rows.ROWS, unread_markers.ROWS, message_rows.HEADS)

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._heads = HeadCache(documents)

    async def prepare(self, generation: int) -> None:
        """Create this generation's tables."""
        await self._documents.prepare([TableGeneration(table, generation) for table in self.tables])

    async def apply(self, batch: Batch) -> Effects:
        """Read heads before rows, then fold, save, read back what was not new, and return the effects."""
        rows_at, marks_at, heads_at = (batch.place(table) for table in self.tables)
        heads = LaneCounter(await self._heads.read(batch, heads_at, {fact.envelope.subject for fact in batch.facts}))
        about = {message_rows.row_id(fact) for fact in batch.facts}
        rows = await self._documents.get(rows_at, about | threads.needed(batch.facts))
        named = unread_markers.needed(batch.facts)
        marked = await self._documents.get(marks_at, named) if named else {}
        folded = message_rows.fold(batch.facts, rows, heads)
        made = await self._documents.save(
            Changes(
                [(rows_at, folded.rows), (marks_at, unread_markers.fold(folded.numbered, marked))],
                [(heads_at, folded.heads)],
                batch.checkpoint,
                batch.base,
            )
        )
        self._heads.saved(batch, folded.heads)
        now = {write.id: {"_id": write.id, **write.fixed, **write.facets} for write in folded.rows if write.id in made}
        others = about - now.keys()
        if others:
            now |= await self._documents.get(rows_at, others)
        if unread := about.intersection(write.id for write in folded.rows) - now.keys():
            raise StoreBroken(f"{len(unread)} rows of messages were saved and cannot be read, such as {min(unread)}")
        return effects(folded.numbered, now, batch.generation)


def effects(numbered: Sequence[Numbered], now: dict[str, Row], generation: int) -> Effects:
    """Return the effects of every fact of a batch, from the rows as they now are."""
    conflicts: list[Record] = []
    persisted: list[Persisted] = []
    hints: list[Push] = []
    for one in numbered:
        row = now.get(one.row_id, {})
        view = message_rows.view(row) if row else None
        if one.conflict:
            conflicts.append(conflict_record(one.fact, message_rows.MODEL, _command_of(one), one.row_id))
            hints.append(conflict_push(one.fact, message_rows.MODEL, generation, message_id=one.row_id))
        elif view is not None:
            persisted.append((one.fact, _persisted(one, row, view)))
            if not one.repeat:
                hints.append(_pushed(one, row, view, generation))
    return Effects([*persisted_records.records_of(persisted), *conflicts], hints)


def _command_of(one: Numbered) -> str:
    event = one.fact.event
    return command_of(event) if isinstance(event, MessageEvent) else COMMAND_OF[one.lane]


def _pushed(one: Numbered, row: Row, view: MessageView, generation: int) -> Push:
    n = row[one.lane]["n"] if one.lane == "sent" else one.n
    kind = frames.PUSH_OF_LANE[one.lane]
    return Push(
        model=message_rows.MODEL,
        generation=generation,
        conversation_id=one.fact.envelope.subject,
        frame=frames.push(kind, reactions.push_view(one.lane, view), one.lane, n, one.fact.envelope.correlation_id),
        lane=one.lane,
        n=n,
        conversation_n=row["sent"].get("conversation_n", 0),
        seq=row["sent"]["n"],
        recorded_ms=one.fact.recorded_ms,
        traceparent=one.fact.envelope.traceparent,
    )


def _persisted(one: Numbered, row: Row, view: MessageView) -> PersistedMessage:
    envelope = one.fact.envelope
    return PersistedMessage(
        message_id=one.row_id,
        sender=envelope.actor,
        seq=view.seq,
        event_id=envelope.id,
        correlation_id=envelope.correlation_id,
        lane=one.lane,
        applied=applied(one, row, view),
    )


def applied(one: Numbered, row: Row, view: MessageView) -> bool:
    """Return whether the merge accepts this fact: an edit by the author before the deletion, the first deletion, a
    reaction that changed what was on the message.
    """
    if one.fact.event is None:
        return False
    if one.lane == "sent":
        return True
    if one.lane == "deleted":
        first: str = row["deleted"]["versions"][0]["id"]
        return first == one.fact.envelope.id
    if one.lane == reactions.LANE:
        return reactions.was_applied(row.get(one.lane), one.fact.envelope.id) and not view.deleted
    return not (view.deleted or view.unreadable) and view.sender == one.fact.envelope.actor
