"""Conversations: one facet holds the folded state whole, so that a crash never leaves half of it.

- table `conversations`, facet `updated` `{pos, n, kind, title, external_id, created_by, created_at, members}`,
  `members` a list of `[user_id, role, [[from_seq, until_seq], …]]`
- table `participants`, one row per (conversation, user), facet `updated` `{pos, role, present, intervals}`: derived
- table `changes`, one row per event, facet `change` `{pos, n, applied, …view}`: the conversation lane, and what
  tells a repeat. It is saved first, so a state that covers a position proves that its change can be seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from core.domain.conversation import Conversation, Interval, Member, applies, evolve
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.facts import Fact, Heads
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    ParticipantsAdded,
    ParticipantsRemoved,
)
from schemas.views import ChangeView, ConversationView, ParticipantView

MODEL: Final = "conversations"
LANE: Final = "conversation"
ROWS: Final = Table(MODEL, "conversations")
PARTICIPANTS: Final = Table(MODEL, "participants", (Index("by_user", ("tenant", "user_id")),))
CHANGES: Final = Table(MODEL, "changes", (Index("conversation", ("conversation_id",), "change.n"),))
HEADS: Final = Table(MODEL, "heads")


@dataclass(frozen=True, slots=True)
class Told:
    """A fact with its number and the state once it was folded. A `repeat` was told before under the same id,
    `conflict` with another body.
    """

    fact: Fact
    n: int
    repeat: bool
    applied: bool
    after: Conversation | None
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch comes to."""

    told: Sequence[Told]
    changes: Sequence[Write]
    rows: Sequence[Write]
    participants: Sequence[Write]
    heads: Sequence[Write]


class _Folding:
    """One batch being folded: the states as they go."""

    def __init__(self, rows: Mapping[str, Row], changes: Mapping[str, Row], heads: Heads) -> None:
        self.states: dict[str, tuple[int, Conversation | None]] = {
            key: (row["updated"]["pos"], state_of(row)) for key, row in rows.items()
        }
        self.changes: dict[str, Mapping[str, Any]] = {key: row["change"] for key, row in changes.items()}
        self.heads = heads
        self.written: dict[str, Write] = {}
        self.touched: dict[str, dict[str, int]] = {}

    def tell(self, fact: Fact) -> Told:
        key, position = fact.envelope.subject, fact.position
        change = self.changes.get(fact.envelope.id)
        pos, state = self.states.get(key, (-1, None))
        if change is not None and change["pos"] < position:
            conflict = _differs(change, fact)
            return Told(fact, change["n"], repeat=True, applied=change["applied"], after=state, conflict=conflict)
        n = self.heads.number(key, LANE, position, None if change is None else change["n"])
        event = conversation_event(fact)
        if position > pos:
            applied = event is not None and applies(state, event)
            state = counted(state, event, n)
            self.states[key] = (position, state)
        else:
            applied = change is None or bool(change["applied"])
        self.touched.setdefault(key, {}).update(dict.fromkeys(users_of(event), position))
        if change is None:
            self._write(fact, n, applied)
        return Told(fact, n, repeat=False, applied=applied, after=state)

    def _write(self, fact: Fact, n: int, applied: bool) -> None:
        facet = {"pos": fact.position, "n": n, "applied": applied, **change_of(fact, n)}
        self.changes[fact.envelope.id] = facet
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject}
        self.written[fact.envelope.id] = Write(fact.envelope.id, fixed, {"change": facet})


def _differs(told: Mapping[str, Any], fact: Fact) -> bool:
    """Whether a repeat asks for something else than the first did; to open a conversation again is to open it."""
    again = change_of(fact, told["n"])
    if again["change"] in {"created", "unreadable"}:
        return False
    return any(again[name] != told[name] for name in ("participants", "title"))


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], changes: Mapping[str, Row], heads: Heads) -> Folded:
    """Number the facts and fold the states; read heads before rows and rows before changes."""
    folding = _Folding(rows, changes, heads)
    told = [folding.tell(fact) for fact in facts]
    states = {key: folding.states[key] for key in folding.touched}
    tenants = {fact.envelope.subject: fact.envelope.tenant for fact in facts}
    kept = {key: (pos, state) for key, (pos, state) in states.items() if state is not None}
    return Folded(
        told=told,
        changes=list(folding.written.values()),
        rows=[
            Write(key, {"tenant": state.tenant}, {"updated": facet_of_state(pos, state)}, exists=key in rows)
            for key, (pos, state) in kept.items()
        ],
        participants=[
            _participant(named, state, user)
            for key, (_, state) in kept.items()
            for user, named in sorted(folding.touched[key].items())
            if user in state.members
        ],
        heads=[Write(key, {"tenant": tenants[key]}, lanes) for key, lanes in heads.moved.items()],
    )


def conversation_event(fact: Fact) -> ConversationEvent | None:
    """The event of a fact of this topic; None when it cannot be read."""
    match fact.event:
        case ConversationCreated() | ConversationChanged() | ParticipantsAdded() | ParticipantsRemoved():
            return fact.event
        case _:
            return None


def counted(state: Conversation | None, event: ConversationEvent | None, n: int) -> Conversation | None:
    """The state after the event that is the `n`-th of its lane; an unreadable one only counts."""
    after = state if event is None else evolve(state, event)
    return None if after is None else replace(after, n=n)


def users_of(event: ConversationEvent | None) -> Sequence[str]:
    """Whom an event names."""
    match event:
        case ConversationCreated() | ParticipantsAdded() | ParticipantsRemoved():
            return list(event.participants)
        case _:
            return ()


def change_of(fact: Fact, n: int) -> dict[str, Any]:
    """A `ChangeView` as a facet's fields; an unreadable event's change is `unreadable`."""
    event = conversation_event(fact)
    if event is None:
        view = ChangeView(
            conversation_id=fact.envelope.subject,
            change="unreadable",
            actor=fact.envelope.actor,
            at=fact.envelope.time,
            n=n,
        )
    else:
        view = ChangeView(
            conversation_id=event.conversation_id,
            change=fact.envelope.type.split(".")[2],
            actor=event.actor,
            at=event.at,
            n=n,
            participants=list(users_of(event)),
            title=getattr(event, "title", None),
            external_id=getattr(event, "external_id", None),
            at_seq=getattr(event, "at_seq", None),
        )
    fields: dict[str, Any] = msgspec.to_builtins(view)
    return fields


def change_view(row: Row) -> ChangeView:
    """What a client sees of a row of `changes`."""
    return msgspec.convert(row["change"], ChangeView)


def facet_of_state(position: int, state: Conversation) -> Facet:
    """The state as a facet."""
    return {
        "pos": position,
        "n": state.n,
        "kind": state.kind,
        "title": state.title,
        "external_id": state.external_id,
        "created_by": state.created_by,
        "created_at": state.created_at,
        "members": [[user, member.role, _intervals(member)] for user, member in state.members.items()],
    }


def state_of(row: Row) -> Conversation:
    """The facet as a state."""
    facet = row["updated"]
    return Conversation(
        tenant=row["tenant"],
        conversation_id=row["_id"],
        kind=facet["kind"],
        created_by=facet["created_by"],
        created_at=facet["created_at"],
        external_id=facet["external_id"],
        title=facet["title"],
        n=facet["n"],
        members={
            user: Member(role, tuple(Interval(start, until) for start, until in intervals))
            for user, role, intervals in facet["members"]
        },
    )


def _intervals(member: Member) -> list[list[int | None]]:
    return [[interval.from_seq, interval.until_seq] for interval in member.intervals]


def _participant(position: int, state: Conversation, user: str) -> Write:
    """The row of one member at the last event that names him, which alone can change it: so it has the same position
    however the records came in batches.
    """
    member = state.members[user]
    facet = {"pos": position, "role": member.role, "present": member.present, "intervals": _intervals(member)}
    fixed = {"tenant": state.tenant, "conversation_id": state.conversation_id, "user_id": user}
    return Write(f"{state.conversation_id}:{user}", fixed, {"updated": facet})


def view(state: Conversation, seq: int, *, participants: bool) -> ConversationView:
    """What a client sees of a conversation whose last message is number `seq`."""
    people = [
        ParticipantView(
            user_id=user,
            role=member.role,
            present=member.present,
            intervals=[(stay.from_seq, stay.until_seq) for stay in member.intervals],
        )
        for user, member in state.members.items()
    ]
    return ConversationView(
        conversation_id=state.conversation_id,
        kind=state.kind,
        external_id=state.external_id,
        title=state.title,
        created_by=state.created_by,
        created_at=state.created_at,
        n=state.n,
        seq=seq,
        participants=people if participants else None,
    )
