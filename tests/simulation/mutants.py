"""Mutants: each breaks one rule of the design on purpose, and a law must detect it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from core.ports.documents import Changes, Documents, Row, Write
from core.ports.effects import Effects, Emitter
from core.ports.event_log import Received
from edge.composition.compose import processor
from projections.audit import audit_rows
from projections.facts import Fact, LaneCounter
from projections.messages import message_rows, unread_markers
from projections.messages.message_rows import Numbered
from projections.queries.message_ranges import readable
from schemas.events import CursorMoved, MessagePinned
from schemas.topics import DEAD_LETTER, MESSAGE_REJECTED
from streams.processors import messages as processing
from streams.processors.audit import Audit
from streams.processors.audit_events import AuditEvents
from streams.processors.conversations import Conversations
from streams.processors.inbox import Inbox
from streams.processors.messages import Messages
from streams.processors.trace import Trace
from streams.runtime.processor import Batch, Processor
from tests.simulation.indexes import Unchecked
from tests.simulation.world import Parts


class _Another:
    """The messages processor with another `apply`."""

    name = Messages.name
    version = Messages.version
    topics = Messages.topics
    tables = Messages.tables

    def __init__(self, documents: Documents, emitter: Emitter) -> None:
        self.documents = documents
        self.emitter = emitter
        self.whole = Messages(documents)

    def takes(self, event_type: str) -> bool:
        return self.whole.takes(event_type)

    async def prepare(self, generation: int) -> None:
        await self.whole.prepare(generation)


class MaxPlusOne(_Another):
    """Numbers a message by the highest stored number plus one, and saves the rows of a batch in another order."""

    async def apply(self, batch: Batch) -> Effects:
        at, ids = batch.place(message_rows.ROWS), {message_rows.row_id(fact) for fact in batch.facts}
        rows = await self.documents.get(at, ids)
        highest = {}
        for fact in batch.facts:
            key, lane = fact.envelope.subject, message_rows.LANE_OF[fact.topic]
            last = await self.documents.find(at, lane, [key], limit=1, reverse=True)
            highest[key, lane] = {"pos": -1, "n": last[0][lane]["n"] if last else 0}
        heads = LaneCounter({})
        heads._lanes = dict(highest)
        folded = message_rows.fold([fact for fact in batch.facts if _known(fact, rows) is None], rows, heads)
        unordered = sorted(folded.rows, key=lambda write: write.id)
        heads_at = batch.place(message_rows.HEADS)
        await self.documents.save(Changes([(at, unordered)], [(heads_at, folded.heads)], batch.checkpoint))
        known = [(fact, n) for fact in batch.facts if (n := _known(fact, rows)) is not None]
        before = [Numbered(fact, message_rows.LANE_OF[fact.topic], message_rows.row_id(fact), n) for fact, n in known]
        return processing.effects([*before, *folded.numbered], await self.documents.get(at, ids), batch.generation)


def _known(fact: Fact, rows: Mapping[str, Row]) -> int | None:
    """Return the number that a record's row has for it."""
    facet = rows.get(message_rows.row_id(fact), {}).get(message_rows.LANE_OF[fact.topic])
    if facet is not None and "told" in facet:
        return next((n for event_id, _, n, *_ in facet["told"] if event_id == fact.envelope.id), None)
    versions = [] if facet is None else facet.get("versions", [facet])
    return next((version["n"] for version in versions if version["id"] == fact.envelope.id), None)


class EffectsFirst(_Another):
    """Notifies, then persists."""

    async def apply(self, batch: Batch) -> Effects:
        heads = LaneCounter(
            await self.documents.get(batch.place(message_rows.HEADS), {f.envelope.subject for f in batch.facts})
        )
        ids = {message_rows.row_id(fact) for fact in batch.facts}
        rows = await self.documents.get(batch.place(message_rows.ROWS), ids)
        folded = message_rows.fold(batch.facts, rows, heads)
        now = dict(rows)
        for write in folded.rows:
            now[write.id] = {"_id": write.id, **write.fixed, **rows.get(write.id, {}), **write.facets}
        await self.emitter.emit(processing.effects(folded.numbered, now, batch.generation))
        await self.whole.apply(batch)
        return Effects()


class HeadsAfterRows(_Another):
    """Reads the heads after the rows: a head may then cover a position whose row was not read."""

    async def apply(self, batch: Batch) -> Effects:
        rows_at, heads_at = batch.place(message_rows.ROWS), batch.place(message_rows.HEADS)
        rows = await self.documents.get(rows_at, {message_rows.row_id(fact) for fact in batch.facts})
        heads = LaneCounter(await self.documents.get(heads_at, {fact.envelope.subject for fact in batch.facts}))
        folded = message_rows.fold(batch.facts, rows, heads)
        await self.documents.save(Changes([(rows_at, folded.rows)], [(heads_at, folded.heads)], batch.checkpoint))
        now = await self.documents.get(rows_at, {one.row_id for one in folded.numbered})
        return processing.effects(folded.numbered, now, batch.generation)


class NoRepeats(_Another):
    """Treats every record as new, whatever its id."""

    async def apply(self, batch: Batch) -> Effects:
        seen: dict[str, int] = {}
        facts = []
        for fact in batch.facts:
            rows = await self.documents.get(batch.place(message_rows.ROWS), [message_rows.row_id(fact)])
            facet = rows.get(message_rows.row_id(fact), {}).get(message_rows.LANE_OF[fact.topic])
            known = seen.get(fact.envelope.id) or (facet["pos"] if facet else fact.position)
            seen[fact.envelope.id] = known
            again = known < fact.position and fact.event is not None
            facts.append(replace(fact, envelope=_renamed(fact), event=_moved(fact)) if again else fact)
        return await self.whole.apply(replace(batch, facts=facts))


def _renamed(fact: Any) -> Any:
    return msgspec.structs.replace(fact.envelope, id=f"{fact.envelope.id} at {fact.position}")


def _moved(fact: Any) -> Any:
    if message_rows.LANE_OF[fact.topic] != "sent":
        return fact.event
    return msgspec.structs.replace(fact.event, message_id=f"{fact.envelope.id} at {fact.position}")


class EffectsOfChanges(_Another):
    """Emits effects for changed rows only: those lost by a crash after the save are never emitted."""

    async def apply(self, batch: Batch) -> Effects:
        saved = await self.documents.get(
            batch.place(message_rows.ROWS), {message_rows.row_id(fact) for fact in batch.facts}
        )
        new = [
            fact
            for fact in batch.facts
            if message_rows.LANE_OF[fact.topic] not in saved.get(message_rows.row_id(fact), {})
        ]
        await self.whole.apply(batch)
        return await self.whole.apply(replace(batch, facts=new))


class _Around:
    """A proxy, of which a mutant overrides some methods."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CheckpointFirst(_Around):
    """Documents that save the checkpoint before its rows."""

    async def save(self, changes: Changes) -> frozenset[str]:
        await self._inner.save(Changes([], [], changes.checkpoint))
        made: frozenset[str] = await self._inner.save(Changes(changes.rows, changes.heads))
        return made


class LastWriteWins(_Around):
    """Documents that keep the last saved facet, newer or not."""

    async def save(self, changes: Changes) -> frozenset[str]:
        made: frozenset[str] = await self._inner.save(changes)
        for place, writes in (*changes.rows, *changes.heads):
            rows = self._inner._inner._at(place)
            for write in writes:
                rows[write.id] = {**rows[write.id], **write.facets}
        self._inner._watch(changes)
        return made


class ForgetfulOfEdits(_Around):
    """Documents that drop the marks of edits that mention a user."""

    async def save(self, changes: Changes) -> frozenset[str]:
        rows = [
            (at, [replace(one, facets=_unedited(one)) for one in writes] if at.table == unread_markers.ROWS else writes)
            for at, writes in changes.rows
        ]
        made: frozenset[str] = await self._inner.save(replace(changes, rows=rows))
        return made


def _unedited(write: Write) -> dict[str, Any]:
    return {name: facet for name, facet in write.facets.items() if name != unread_markers.EDITED}


class SavedOnAnything(_Around):
    """Documents that save a batch on any base: also on a store that lost saves."""

    async def save(self, changes: Changes) -> frozenset[str]:
        made: frozenset[str] = await self._inner.save(replace(changes, base=None))
        return made


class LaggingHead(_Around):
    """Messages whose head is not re-checked, however far the read model is behind the log."""

    async def prove_head(self, _conversation_id: str) -> None:
        """Return at once."""


def _lagging(node: Any) -> None:
    handler = node._commands._handler
    handler._messages = LaggingHead(handler._messages)


def _strict(node: Any) -> None:
    """Let the node ignore messages of senders who did not know that the reader was removed."""

    async def mine(who: Any, here: Any, head: int) -> Any:
        return readable(here.members[who.user_id], head)

    node._reads._dispatch._history._mine = mine


def _messages(mutant: type[_Another]) -> Parts:
    def build(name: str, documents: Any, index: Any, emitter: Emitter) -> Processor:
        return mutant(documents, emitter) if name == "messages" else processor(name, documents, index)  # type: ignore[return-value]

    return Parts(processor=build)


def _unchecked(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return Unchecked(documents, index) if name == "search" else processor(name, documents, index)


class KeepsFreedPins(Conversations):
    """Keeps pins of deleted messages, though a new pin frees them."""

    async def apply(self, batch: Batch) -> Effects:
        return await super().apply(replace(batch, facts=[replace(fact, event=_unfreed(fact)) for fact in batch.facts]))


def _unfreed(fact: Fact) -> Any:
    pinned = isinstance(fact.event, MessagePinned)
    return msgspec.structs.replace(fact.event, freed=[]) if pinned else fact.event


def _keeps_freed_pins(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return KeepsFreedPins(documents) if name == "conversations" else processor(name, documents, index)


class PublishesPrivateReads(Inbox):
    """Publishes private reads."""

    async def apply(self, batch: Batch) -> Effects:
        return await super().apply(replace(batch, facts=[replace(fact, event=_public(fact)) for fact in batch.facts]))


def _public(fact: Fact) -> Any:
    moved = isinstance(fact.event, CursorMoved)
    return msgspec.structs.replace(fact.event, private=False) if moved else fact.event


def _publishes_private_reads(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return PublishesPrivateReads(documents) if name == "inbox" else processor(name, documents, index)


def _keeps_heads(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    made = processor(name, documents, index)
    if isinstance(made, Messages):
        made._heads._read_on_since = lambda _: 0  # type: ignore[method-assign]
    return made


def _forgets_nodes(known: Any) -> None:
    """Let a worker keep what it asked of the registry, whatever the nodes announce."""
    hear = known._hear
    known._hear = lambda said: hear(msgspec.structs.replace(said, entered=[]))


def _heads_first(behind: Any) -> None:
    """Save the heads of a batch before its rows."""
    save = behind.save

    async def saved(changes: Changes) -> frozenset[str]:
        await behind._documents.save(Changes((), changes.heads))
        made: frozenset[str] = await save(changes)
        return made

    behind.save = saved


def _heads_behind(behind: Any) -> None:
    """Save the heads of a batch with its checkpoint, after its pushes."""
    save, settle = behind.save, behind.settle
    later: list[Changes] = []

    async def saved(changes: Changes) -> frozenset[str]:
        made: frozenset[str] = await save(replace(changes, heads=()))
        later.append(Changes((), changes.heads))
        return made

    async def settled() -> None:
        while later:
            await behind._documents.save(later[0])
            later.pop(0)
        await settle()

    behind.save, behind.settle = saved, settled


class NumbersRepeats(Audit):
    """Gives a record that was written again after a crash a number of its own."""

    async def apply(self, batch: Batch) -> Effects:
        place = batch.place(audit_rows.ROWS)
        rows = await self._documents.get(place, {fact.envelope.id for fact in batch.facts})
        first = {key: row[audit_rows.LANE]["pos"] for key, row in rows.items()}
        for fact in batch.facts:
            first.setdefault(fact.envelope.id, fact.position)
        repeats = {fact.position for fact in batch.facts if first[fact.envelope.id] < fact.position}
        facts = [replace(fact, envelope=_renamed(fact)) if fact.position in repeats else fact for fact in batch.facts]
        return await super().apply(replace(batch, facts=facts))


def _numbers_repeats(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return NumbersRepeats(documents) if name == "audit" else processor(name, documents, index)


class AuditsAccepted(AuditEvents):
    """Leaves out what was rejected."""

    async def apply(self, batch: Batch) -> Effects:
        kept = [fact for fact in batch.facts if fact.topic != MESSAGE_REJECTED]
        return await super().apply(replace(batch, facts=kept))


def _audits_accepted(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return AuditsAccepted(documents) if name == "audit_events" else processor(name, documents, index)


class TracesEvents(Trace):
    """Leaves out what is no event."""

    def facts_of(self, received: Sequence[Received]) -> list[Fact]:
        return [fact for fact in super().facts_of(received) if fact.topic != DEAD_LETTER]


def _traces_events(name: str, documents: Any, index: Any, _: Emitter) -> Processor:
    return TracesEvents(documents) if name == "trace" else processor(name, documents, index)


def _hoards(node: Any) -> None:
    node._commands.backlog._remove_saved = lambda *_: 0


class Mutant(NamedTuple):
    """Parts that break a rule, the law that detects it, and the seed in which it does; others are tried after it."""

    parts: Parts
    law: str
    seed: int = 0


def _forgets_recent(node: Any) -> None:
    """Let a load ignore the records that were read from the log before it."""
    node._memberships._views._recent.of = lambda _: ()


def _reads_late(node: Any) -> None:
    """Let a load believe rows that were read before the checkpoints that the recent records begin at."""
    node._memberships._views._reader._completes = lambda _: True


MUTANTS: Mapping[str, Mutant] = MappingProxyType(
    {
        "numbering by max plus one": Mutant(_messages(MaxPlusOne), "law 2", 7),
        "effects before the save": Mutant(_messages(EffectsFirst), "law 8"),
        "heads read after rows": Mutant(_messages(HeadsAfterRows), "Inconsistent", 7),
        "repeats taken for new": Mutant(_messages(NoRepeats), "law 2", 1),
        "effects of changed rows alone": Mutant(_messages(EffectsOfChanges), "law 7", 3),
        "checkpoint before rows": Mutant(Parts(documents=CheckpointFirst), "law 9"),
        "last write wins": Mutant(Parts(documents=LastWriteWins), "law 5", 2),
        "edits that name nobody": Mutant(Parts(documents=ForgetfulOfEdits), "law 18", 53),
        "stays that end at once": Mutant(Parts(node=_strict), "law 15", 34),
        "edges from a head that lags": Mutant(Parts(node=_lagging), "law 17", 40),
        "saves on a store that went back": Mutant(Parts(documents=SavedOnAnything), "law 2", 168),
        "an index that is believed": Mutant(Parts(processor=_unchecked), "law 3", 18),
        "pins that stay": Mutant(Parts(processor=_keeps_freed_pins), "law 3", 44),
        "cursors that say what was private": Mutant(Parts(processor=_publishes_private_reads), "law 19", 12),
        "heads that are kept across a gap": Mutant(Parts(processor=_keeps_heads), "Inconsistent", 4),
        "a place in the backlog that is never given back": Mutant(Parts(node=_hoards), "law 20"),
        "a registry that forgets a node": Mutant(Parts(known=_forgets_nodes), "law 21", 7),
        "a head before its rows": Mutant(Parts(behind=_heads_first), "Inconsistent"),
        "heads after the pushes": Mutant(Parts(behind=_heads_behind), "law 8"),
        "a load without the recent records": Mutant(Parts(node=_forgets_recent), "law 3", 5),
        "rows from before the checkpoint": Mutant(Parts(node=_reads_late), "law 3", 67),
        "audit records that are numbered again": Mutant(Parts(processor=_numbers_repeats), "law 22"),
        "an audit of what was accepted": Mutant(Parts(processor=_audits_accepted), "law 22"),
        "a trace without dead letters": Mutant(Parts(processor=_traces_events), "law 23"),
    }
)
