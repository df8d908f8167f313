"""Conversations: one facet holds the folded state whole, so that a crash never leaves half of it.

- table `conversations`, facet `updated` `{pos, n, kind, title, external_id, created_by, created_at, avatar, metadata,
  pins, history_from, members}`, `metadata` JSON text, `members` a list of `[user_id, role, [[from_seq, until_seq],
  …]]`; of a stay that is over `[from_seq, until_seq, ended_n]`, of one with more to it all fields of an `Interval`
- table `participants`, one row per (conversation, user), facet `updated` `{pos, role, present, intervals}`: derived
- table `changes`, one row per event, facet `change` `{pos, n, applied, …}` (changes.py): the conversation lane, and
  what tells a repeat. It is saved first, so a state that covers a position proves that its change can be
  seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from core.domain import metadata, pin
from core.domain.conversation import Conversation, State, evolve, moved_on
from core.domain.member import Interval, Member
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.conversations.changes import change_of, differs, users_of
from projections.facts import Fact, Heads, Inconsistent
from schemas.bounds import STAYS_SHOWN
from schemas.events import ConversationEvent
from schemas.wire.views import ConversationView, CursorView, InboxView, MessageView, ParticipantView

MODEL: Final = "conversations"
LANE: Final = "conversation"
ROWS: Final = Table(MODEL, "conversations")
PARTICIPANTS: Final = Table(MODEL, "participants", (Index("by_user", ("tenant", "user_id")),))
CHANGES: Final = Table(MODEL, "changes", (Index("conversation", ("conversation_id",), "change.n"),))
HEADS: Final = Table(MODEL, "heads")


@dataclass(frozen=True, slots=True)
class Told:
    """A fact with its number, what it came to (`change`, a facet of `changes`) and the state once it was folded.

    A `repeat` was told before under the same id, `conflict` with another body.
    """

    fact: Fact
    n: int
    repeat: bool
    change: Mapping[str, Any]
    after: Conversation | None
    conflict: bool = False

    @property
    def applied(self) -> bool:
        """Whether it changed anything."""
        return bool(self.change["applied"])


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
        event = conversation_event(fact)
        change = self.changes.get(fact.envelope.id)
        pos, state = self.states.get(key, (-1, None))
        if change is not None and change["pos"] < position:
            return Told(fact, change["n"], repeat=True, change=change, after=state, conflict=differs(change, event))
        n = self.heads.number(key, LANE, position, None if change is None else change["n"])
        after = state
        if position > pos:
            after = counted(state, event, n)
            self.states[key] = (position, after)
        elif change is None:
            raise Inconsistent(f"the state of {key} covers {position}, which has no change")
        if change is None:
            change = self._change(fact, n, event, state, after)
        self.touched.setdefault(key, {}).update(dict.fromkeys(users_of(event), position))
        return Told(fact, n, repeat=False, change=change, after=after)

    def _change(
        self, fact: Fact, n: int, event: ConversationEvent | None, before: Conversation | None, after: State
    ) -> Facet:
        applied = event is not None and moved_on(before, after)
        facet = {"pos": fact.position, "applied": applied, **change_of(fact, n, event, before, after)}
        self.changes[fact.envelope.id] = facet
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject}
        self.written[fact.envelope.id] = Write(fact.envelope.id, fixed, {"change": facet})
        return facet


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
    return fact.event if isinstance(fact.event, ConversationEvent) else None


def counted(state: State, event: ConversationEvent | None, n: int) -> State:
    """The state after the event that is the `n`-th of its lane; an unreadable one only counts."""
    after = state if event is None else evolve(state, event)
    return None if after is None else replace(after, n=n)


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
        "avatar": state.avatar,
        "metadata": state.metadata,
        "pins": list(state.pins),
        "history_from": state.history_from,
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
        avatar=facet.get("avatar"),
        metadata=facet.get("metadata"),
        pins=tuple(facet.get("pins", ())),
        history_from=facet.get("history_from", 0),
        n=facet["n"],
        members={
            user: Member(role, tuple(Interval(*interval) for interval in intervals))
            for user, role, intervals in facet["members"]
        },
    )


def _intervals(member: Member) -> list[list[int | bool | None]]:
    return [_stay(stay) for stay in member.intervals]


def _stay(stay: Interval) -> list[int | bool | None]:
    if stay.reads_from or stay.left:
        return [stay.from_seq, stay.until_seq, stay.ended_n, stay.reads_from, stay.left]
    return [stay.from_seq, stay.until_seq, stay.ended_n] if stay.ended_n else [stay.from_seq, stay.until_seq]


def _participant(position: int, state: Conversation, user: str) -> Write:
    """The row of one member at the last event that names him, which alone can change it: so it has the same position
    however the records came in batches.
    """
    member = state.members[user]
    facet = {"pos": position, "role": member.role, "present": member.present, "intervals": _intervals(member)}
    fixed = {"tenant": state.tenant, "conversation_id": state.conversation_id, "user_id": user}
    return Write(f"{state.conversation_id}:{user}", fixed, {"updated": facet})


@dataclass(frozen=True, slots=True)
class MemberOverview:
    """What a conversation has that is one member's own."""

    inbox: InboxView
    unread: int
    mentions: int
    last_message: MessageView | None


def view(
    state: Conversation,
    seq: int,
    *,
    people: Sequence[ParticipantView] | None = None,
    more: bool | None = None,
    own: MemberOverview | None = None,
    me: str = "",
    active_at: str | None = None,
    deleted: Collection[str] = (),
) -> ConversationView:
    """What the member `me` sees of a conversation whose last message is number `seq`; with a page of its `people` it is
    told whole, without the pins of messages that were `deleted`.
    """
    whole = people is not None
    return ConversationView(
        conversation_id=state.conversation_id,
        kind=state.kind,
        external_id=state.external_id,
        title=state.title,
        created_by=state.created_by,
        created_at=state.created_at,
        n=state.n,
        seq=seq,
        avatar=state.avatar,
        metadata=metadata.of_text(state.metadata) if whole else None,
        pins=pin.shown(state.pins, deleted) if whole else None,
        participants=None if people is None else list(people),
        more=more,
        inbox=None if own is None else own.inbox,
        unread=None if own is None else own.unread,
        mentions=None if own is None else own.mentions,
        last_message=None if own is None else own.last_message,
        history=state.history,
        history_from=state.history_from or None,
        other=other_of(state, me),
        active_at=active_at,
    )


def other_of(state: Conversation, me: str) -> str | None:
    """Whom this member of a direct conversation talks to, themselves where they are alone in it; None of a group."""
    return next((user for user in state.members if user != me), me) if state.kind == "direct" else None


def past_view(state: Conversation, n: int, seq: int, user_id: str) -> ConversationView:
    """What someone sees who was in it up to change `n` and message `seq`: not what it is today."""
    return ConversationView(
        conversation_id=state.conversation_id,
        kind=state.kind,
        external_id=state.external_id,
        title=None,
        created_by=state.created_by,
        created_at=state.created_at,
        n=n,
        seq=seq,
        participants=[_person(user_id, state.members[user_id])],
        more=False,
        other=other_of(state, user_id),
    )


def page_of(state: Conversation, after: int, limit: int) -> list[str]:
    """Everyone who was ever in it, in the order in which they came for the first time; without the first `after`."""
    return list(islice(state.members, after, after + limit))


def people_of(state: Conversation, cursors: Mapping[str, CursorView]) -> list[ParticipantView]:
    """Those whose cursors these are; the cursors of who is not in it now are left out."""
    return [_person(user, state.members[user], cursor) for user, cursor in cursors.items()]


def _person(user: str, member: Member, cursor: CursorView | None = None) -> ParticipantView:
    shown = cursor if member.present else None
    return ParticipantView(
        user_id=user,
        role=member.role,
        present=member.present,
        intervals=[(stay.first, stay.until_seq) for stay in member.intervals[-STAYS_SHOWN:]],
        read_seq=None if shown is None else shown.read_seq,
        delivered_seq=None if shown is None else shown.delivered_seq,
    )
