"""Folds conversations: one facet holds the whole folded state, so that a crash never leaves half of it.

- table `conversations`, facet `updated` `{pos, n, kind, title, external_id, created_by, created_at, avatar, metadata,
  pins, history_from, members}`, `metadata` JSON text, `members` a list of `[user_id, role, [[from_seq, until_seq],
  …]]`; an ended interval is `[from_seq, until_seq, ended_n]`, one with further fields has all of an `Interval`'s
- table `participants`, one row per (conversation, user), facet `updated` `{pos, role, present, intervals}`: derived
- table `changes`, one row per event, facet `change` `{pos, n, applied, …}` (changes.py): the conversation lane; it
  detects repeats. It is saved first, so a state that covers a position proves that its change is visible.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from msgspec import structs

from core.domain import metadata, pin
from core.domain.conversation import Conversation, State, evolve, has_changed
from core.domain.member import Interval, Member
from core.ports.documents import Facet, Index, Row, Table, Write
from projections.conversations.changes import change_of, differs, users_of
from projections.facts import Fact, Inconsistent, LaneCounter
from schemas.bounds import INTERVALS_SHOWN
from schemas.events import ConversationEvent
from schemas.wire.frames import CONVERSATION
from schemas.wire.views import ConversationView, CursorView, InboxView, MessageView, ParticipantView

MODEL: Final = "conversations"
LANE: Final = CONVERSATION
ROWS: Final = Table(MODEL, "conversations")
PARTICIPANTS: Final = Table(MODEL, "participants", (Index("by_user", ("tenant", "user_id")),))
CHANGES: Final = Table(MODEL, "changes", (Index("conversation", ("conversation_id",), "change.n"),))
HEADS: Final = Table(MODEL, "heads")


@dataclass(frozen=True, slots=True)
class NumberedChange:
    """A fact with its number, its effect (`change`, a facet of `changes`) and the state after it.

    A `repeat` has the id of an earlier event, `conflict` another body than that.
    """

    fact: Fact
    n: int
    repeat: bool
    change: Mapping[str, Any]
    after: Conversation | None
    conflict: bool = False

    @property
    def applied(self) -> bool:
        """Whether it changed the state."""
        return bool(self.change["applied"])


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of a batch."""

    numbered: Sequence[NumberedChange]
    changes: Sequence[Write]
    rows: Sequence[Write]
    participants: Sequence[Write]
    heads: Sequence[Write]


class _Folding:
    """The fold of one batch: its current states."""

    def __init__(self, rows: Mapping[str, Row], changes: Mapping[str, Row], heads: LaneCounter) -> None:
        self.states: dict[str, tuple[int, Conversation | None]] = {
            key: (row["updated"]["pos"], state_of(row)) for key, row in rows.items()
        }
        self.changes: dict[str, Mapping[str, Any]] = {key: row["change"] for key, row in changes.items()}
        self.heads = heads
        self.written: dict[str, Write] = {}
        self.touched: dict[str, dict[str, int]] = {}

    def add(self, fact: Fact) -> NumberedChange:
        key, position = fact.envelope.subject, fact.position
        event = conversation_event(fact)
        change = self.changes.get(fact.envelope.id)
        pos, state = self.states.get(key, (-1, None))
        if change is not None and change["pos"] < position:
            return NumberedChange(
                fact, change["n"], repeat=True, change=change, after=state, conflict=differs(change, event)
            )
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
        return NumberedChange(fact, n, repeat=False, change=change, after=after)

    def _change(
        self, fact: Fact, n: int, event: ConversationEvent | None, before: Conversation | None, after: State
    ) -> Facet:
        applied = event is not None and has_changed(before, after)
        facet = {"pos": fact.position, "applied": applied, **change_of(fact, n, event, before, after)}
        self.changes[fact.envelope.id] = facet
        fixed = {"tenant": fact.envelope.tenant, "conversation_id": fact.envelope.subject}
        self.written[fact.envelope.id] = Write(fact.envelope.id, fixed, {"change": facet})
        return facet


def fold(facts: Sequence[Fact], rows: Mapping[str, Row], changes: Mapping[str, Row], heads: LaneCounter) -> Folded:
    """Number the facts and fold the states. Read heads before rows, and rows before changes."""
    folding = _Folding(rows, changes, heads)
    numbered = [folding.add(fact) for fact in facts]
    states = {key: folding.states[key] for key in folding.touched}
    tenants = {fact.envelope.subject: fact.envelope.tenant for fact in facts}
    kept = {key: (pos, state) for key, (pos, state) in states.items() if state is not None}
    return Folded(
        numbered=numbered,
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
    """Return the event of a fact of this topic; None if it cannot be read."""
    return fact.event if isinstance(fact.event, ConversationEvent) else None


def counted(state: State, event: ConversationEvent | None, n: int) -> State:
    """Return the state after the `n`-th event of the lane; an unreadable one changes only the number."""
    after = state if event is None else evolve(state, event)
    return None if after is None else structs.replace(after, n=n)


def facet_of_state(position: int, state: Conversation) -> Facet:
    """Return the facet of a state."""
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
    """Return the state in a row's facet."""
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
    return [_interval(interval) for interval in member.intervals]


def _interval(one: Interval) -> list[int | bool | None]:
    if one.reads_from or one.left:
        return [one.from_seq, one.until_seq, one.ended_n, one.reads_from, one.left]
    return [one.from_seq, one.until_seq, one.ended_n] if one.ended_n else [one.from_seq, one.until_seq]


def _participant(position: int, state: Conversation, user: str) -> Write:
    """Return the row of one member at the last event that names them, since only such an event can change it: so its
    position is the same for any cut into batches.
    """
    member = state.members[user]
    facet = {"pos": position, "role": member.role, "present": member.present, "intervals": _intervals(member)}
    fixed = {"tenant": state.tenant, "conversation_id": state.conversation_id, "user_id": user}
    return Write(f"{state.conversation_id}:{user}", fixed, {"updated": facet})


@dataclass(frozen=True, slots=True)
class MemberOverview:
    """A member's private part of a conversation's view."""

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
    """Return what the member `me` sees of a conversation whose last message is number `seq`. Only with a page of its
    `people` it has metadata and pins, without those of messages that were `deleted`.
    """
    complete = people is not None
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
        metadata=metadata.of_text(state.metadata) if complete else None,
        pins=pin.shown(state.pins, deleted) if complete else None,
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
    """Return the other user of a direct conversation, `me` if they are alone in it; None for a group."""
    return next((user for user in state.members if user != me), me) if state.kind == "direct" else None


def past_view(state: Conversation, n: int, seq: int, user_id: str) -> ConversationView:
    """Return the view of a former member, who was in it up to change `n` and message `seq`: not its present state."""
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
    """Return the users who were ever in it, in the order of their first joining, without the first `after` of them."""
    return list(islice(state.members, after, after + limit))


def people_of(state: Conversation, cursors: Mapping[str, CursorView]) -> list[ParticipantView]:
    """Return the participants whose cursors these are; former members are shown without cursors."""
    return [_person(user, state.members[user], cursor) for user, cursor in cursors.items()]


def _person(user: str, member: Member, cursor: CursorView | None = None) -> ParticipantView:
    shown = cursor if member.present else None
    return ParticipantView(
        user_id=user,
        role=member.role,
        present=member.present,
        intervals=[(one.first, one.until_seq) for one in member.intervals[-INTERVALS_SHOWN:]],
        read_seq=None if shown is None else shown.read_seq,
        delivered_seq=None if shown is None else shown.delivered_seq,
    )
