"""One conversation: who is in it, in which role, from which message to which; as the order of the log says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from msgspec import UNSET

from core.domain.decision import Context, Rejected
from core.domain.metadata import text_of
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    Kind,
    MessagePinned,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
    RolesChanged,
)

PINS: Final = 100
"""So many messages are pinned at once."""

UNKNOWN: Final = 1 << 53
"""Stands for a view that is not known: newer than any."""

# State


@dataclass(frozen=True, slots=True)
class Interval:
    """A stay: the messages `from_seq` … `until_seq` (None: to this day) are the member's to read.

    Change number `ended_n` ended it (0: not known). Who did not know of that change yet wrote for this member as well:
    the messages that were decided on an older view, all before them included, are theirs, too (`reads`).
    """

    from_seq: int
    until_seq: int | None = None
    ended_n: int = 0

    def reads(self, seq: int, conversation_n: int) -> bool:
        """Whether message `seq` lies in it; `conversation_n` is the newest view that it, or one before it, was decided
        on. So it is a run of messages, and a node that shows nothing newer than its view shows nothing beyond it.
        """
        return self.from_seq <= seq and (
            self.until_seq is None or seq <= self.until_seq or conversation_n < self.ended_n
        )


@dataclass(frozen=True, slots=True)
class Member:
    """One person's stays, oldest first, and the role of the last one."""

    role: Role
    intervals: tuple[Interval, ...]

    @property
    def present(self) -> bool:
        """Whether the last stay goes on."""
        return self.intervals[-1].until_seq is None

    def reads(self, seq: int, conversation_n: int = UNKNOWN) -> bool:
        """Whether message `seq` is this member's to read (`Interval.reads`)."""
        return any(stay.reads(seq, conversation_n) for stay in self.intervals)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that began. `n` counts its events; `members` has everyone who was ever in it.

    `metadata` is JSON text (core.domain.metadata), `pins` are ids of messages, the oldest pin first: also of some that
    were deleted since, which only the messages themselves say (core.domain.pin).
    """

    tenant: str
    conversation_id: str
    kind: Kind
    created_by: str
    created_at: str
    external_id: str | None = None
    title: str | None = None
    avatar: str | None = None
    metadata: str | None = None
    pins: tuple[str, ...] = ()
    n: int = 0
    members: Mapping[str, Member] = field(default_factory=dict)

    def holds(self, user_id: str) -> bool:
        """Whether the user is in it now."""
        member = self.members.get(user_id)
        return member is not None and member.present

    def manages(self, user_id: str) -> bool:
        """Whether the user is an owner or admin of it now; nobody manages a direct conversation."""
        return self.kind == "group" and self.holds(user_id) and self.members[user_id].role != "member"

    def owns(self, user_id: str) -> bool:
        """Whether the user is an owner of it now."""
        return self.kind == "group" and self.holds(user_id) and self.members[user_id].role == "owner"


State = Conversation | None
"""None: it has not begun."""


def entered(state: State, conversation_id: str, context: Context) -> Conversation:
    """The conversation, if the actor is in it. Raises `Rejected`; another tenant's conversation does not exist."""
    found = visited(state, conversation_id, context.tenant, context.actor)
    if not found.holds(context.actor):
        raise Rejected("not_a_participant")
    return found


def visited(state: State, conversation_id: str, tenant: str, user_id: str) -> Conversation:
    """The conversation, if this user is or was in it. Raises `Rejected`; another tenant's does not exist."""
    if state is None or state.tenant != tenant:
        raise Rejected("conversation_not_found", f"there is no conversation {conversation_id}")
    if user_id not in state.members:
        raise Rejected("not_a_participant")
    return state


# Evolve


def evolve(state: State, event: ConversationEvent) -> State:
    """The state after an event. Total: what the state does not allow changes nothing, for every reader alike.

    An event counts, and `n` grows, also when it changes nothing else; before the creation nothing counts.
    """
    if state is None:
        return _created(event) if isinstance(event, ConversationCreated) else None
    return replace(state, n=state.n + 1, **_changes(state, event))


def moved_on(before: State, after: State) -> bool:
    """Whether what lies between these states changed more than the count."""
    return after is not None and (before is None or replace(after, n=before.n) != before)


def _changes(state: Conversation, event: ConversationEvent) -> dict[str, Any]:
    """The fields that an event changes."""
    match event:
        case ConversationCreated():
            return {}
        case ConversationChanged():
            return _shown(event) if state.manages(event.actor) else {}
        case ParticipantsAdded():
            return {"members": {**state.members, **_added(state, event)}}
        case ParticipantsRemoved():
            return {"members": _left(state, event)}
        case RolesChanged():
            return {"members": _cast(state, event) if state.owns(event.actor) else state.members}
        case MessagePinned() | MessageUnpinned():
            return {"pins": _pins(state, event) if state.holds(event.actor) else state.pins}
        case _:
            assert_never(event)


def _created(event: ConversationCreated) -> Conversation:
    return Conversation(
        tenant=event.tenant,
        conversation_id=event.conversation_id,
        kind=event.kind,
        created_by=event.actor,
        created_at=event.at,
        external_id=event.external_id,
        title=event.title,
        n=1,
        members={user: Member(role, (Interval(1),)) for user, role in event.participants.items()},
    )


def _shown(event: ConversationChanged) -> dict[str, str | None]:
    named: dict[str, str | None] = {}
    if event.title is not UNSET:
        named["title"] = event.title
    if event.avatar is not UNSET:
        named["avatar"] = event.avatar
    if event.metadata is not UNSET:
        named["metadata"] = text_of(event.metadata)
    return named


def _added(state: Conversation, event: ParticipantsAdded) -> dict[str, Member]:
    """Whoever is let in; an owner only by an owner."""
    added: dict[str, Member] = {}
    if not state.manages(event.actor):
        return added
    for user, role in event.participants.items():
        before = state.members.get(user)
        if role == "owner" and not state.owns(event.actor):
            continue
        if before is None:
            added[user] = Member(role, (Interval(event.at_seq + 1),))
        elif not before.present:
            added[user] = Member(role, (*before.intervals, Interval(_from(before, event.at_seq))))
    return added


def _from(before: Member, at_seq: int) -> int:
    """A new stay begins after the last one, whatever two nodes thought the last message was."""
    return max(at_seq, before.intervals[-1].until_seq or 0) + 1


def _left(state: Conversation, event: ParticipantsRemoved) -> dict[str, Member]:
    """The members once these left, one after the other: the last owner only where nobody else is in it by then."""
    members, manages = dict(state.members), state.manages(event.actor)
    owners, here = _owners(state), sum(member.present for member in members.values())
    for user in event.participants:
        member = members.get(user)
        if member is None or not member.present or not (user == event.actor or manages):
            continue
        if member.role == "owner" and owners == 1 and here > 1:
            continue
        stay = member.intervals[-1]
        ended = Interval(stay.from_seq, max(event.at_seq, stay.from_seq - 1), state.n + 1)
        members[user] = Member(member.role, (*member.intervals[:-1], ended))
        owners, here = owners - (member.role == "owner"), here - 1
    return members


def _cast(state: Conversation, event: RolesChanged) -> dict[str, Member]:
    """The members in their new roles, one after the other: the last owner stays one."""
    members, owners = dict(state.members), _owners(state)
    for user, role in event.roles.items():
        member = members.get(user)
        if member is None or not member.present or (member.role == "owner" != role and owners == 1):
            continue
        members[user] = Member(role, member.intervals)
        owners += (role == "owner") - (member.role == "owner")
    return members


def _owners(state: Conversation) -> int:
    """How many own the group now."""
    return sum(member.present and member.role == "owner" for member in state.members.values())


def _pins(state: Conversation, event: MessagePinned | MessageUnpinned) -> tuple[str, ...]:
    if isinstance(event, MessageUnpinned):
        return tuple(pin for pin in state.pins if pin != event.message_id)
    kept = tuple(pin for pin in state.pins if pin not in event.freed)
    if event.message_id in kept or len(kept) >= PINS:
        return state.pins
    return (*kept, event.message_id)
