"""One conversation: who is in it, in which role, from which message to which; as the order of the log says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from msgspec import UNSET

from core.domain.decision import Context, Rejected
from core.domain.member import RANKS, Member, comes, goes
from core.domain.metadata import text_of
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    History,
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

# State


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that began. `n` counts its events; `members` has everyone who was ever in it.

    `metadata` is JSON text (core.domain.metadata), `pins` are ids of messages, the oldest pin first: also of some that
    were deleted since, which only the messages themselves say (core.domain.pin). Whoever is let in reads from message
    `history_from` on what was said before; 0: nothing of it.
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
    history_from: int = 0
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

    @property
    def history(self) -> History:
        """What whoever is let in reads of what was said before."""
        return "all" if self.history_from else "joined"

    def outranks(self, actor: str, user_id: str) -> bool:
        """Whether the actor manages it and stands above this user; whoever is not in it stands below all who manage."""
        other = self.members.get(user_id)
        return self.manages(actor) and self.members[actor].rank > (other.rank if other is not None else 0)

    def gives(self, actor: str, role: Role) -> bool:
        """Whether the actor may let people in with this role: owners with any, admins with one below their own."""
        return self.owns(actor) or (self.manages(actor) and self.members[actor].rank > RANKS[role])

    def lets_in(self, actor: str, user_id: str) -> bool:
        """Whether the actor, who manages it, may let this user in: who left by themselves only an owner, and only so
        often. Of who is in it nothing is said.
        """
        member = self.members.get(user_id)
        if member is None or member.present:
            return True
        return not member.declines and (not member.left or self.owns(actor))

    @property
    def deserted(self) -> bool:
        """Whether somebody has left this direct conversation, who is back with the next message."""
        return self.kind == "direct" and bool(self.absent())

    def absent(self) -> list[str]:
        """Who was in it and is not."""
        return [user for user, member in self.members.items() if not member.present]

    def returning(self, actor: str) -> list[str]:
        """Who is in it again when the actor opens it: of a direct conversation everyone who is not there, of a group
        that nobody is in the actor, if they left it by themselves.
        """
        if actor not in self.members:
            return []
        absent = self.absent()
        if self.kind == "direct":
            return absent
        return [actor] if len(absent) == len(self.members) and self.members[actor].left else []


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
        case ConversationChanged():
            return _shown(state, event) if state.manages(event.actor) else {}
        case ParticipantsAdded():
            return _reopened(state, event) if event.reopened else {"members": {**state.members, **_added(state, event)}}
        case ParticipantsRemoved():
            return {"members": _left(state, event)}
        case RolesChanged():
            return {"members": _cast(state, event) if state.owns(event.actor) else state.members}
        case MessagePinned() | MessageUnpinned():
            return {"pins": _pins(state, event) if state.holds(event.actor) else state.pins}
        case ConversationCreated():
            return {}
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
        history_from=1 if event.history == "all" else 0,
        members={user: comes(None, role, 0) for user, role in event.participants.items()},
    )


def _shown(state: Conversation, event: ConversationChanged) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if event.title is not UNSET:
        named["title"] = event.title
    if event.avatar is not UNSET:
        named["avatar"] = event.avatar
    if event.metadata is not UNSET:
        named["metadata"] = text_of(event.metadata)
    if event.history not in (UNSET, state.history) and state.owns(event.actor):
        named["history_from"] = state.members[event.actor].intervals[-1].first if event.history == "all" else 0
    return named


def _added(state: Conversation, event: ParticipantsAdded) -> dict[str, Member]:
    """Whoever is let in, with a role that the actor may give."""
    added: dict[str, Member] = {}
    if not state.manages(event.actor):
        return added
    for user, role in event.participants.items():
        before = state.members.get(user)
        if event.by_rank:
            given = state.gives(event.actor, role) and state.lets_in(event.actor, user)
        else:
            given = role != "owner" or state.owns(event.actor)
        if given and (before is None or not before.present):
            added[user] = comes(before, role, event.at_seq, state.history_from)
    return added


def _reopened(state: Conversation, event: ParticipantsAdded) -> dict[str, Any]:
    """Those of `participants` who are in it again since the actor opened it. Whoever opens a group that nobody is in
    owns it: what was said without them stays shut, to them and to whomever they let in.
    """
    again = [user for user in state.returning(event.actor) if user in event.participants]
    role: Role = "member" if state.kind == "direct" else "owner"
    came = {user: comes(state.members[user], role, event.at_seq) for user in again}
    floor = max((member.intervals[-1].from_seq for member in came.values()), default=0)
    history_from = max(state.history_from, floor) if state.history_from else 0
    return {"members": {**state.members, **came}, "history_from": history_from}


def _left(state: Conversation, event: ParticipantsRemoved) -> dict[str, Member]:
    """The members once these left, one after the other: the last owner only where nobody else is in it by then."""
    members, manages = dict(state.members), state.manages(event.actor)
    owners, here = _owners(state), sum(member.present for member in members.values())
    for user in event.participants:
        member, left = members.get(user), user == event.actor
        above = state.outranks(event.actor, user) if event.by_rank else manages
        if member is None or not member.present or not (left or above):
            continue
        if member.role == "owner" and owners == 1 and here > 1:
            continue
        members[user] = goes(member, event.at_seq, state.n + 1, left=left)
        owners, here = owners - (member.role == "owner"), here - 1
    return members


def _cast(state: Conversation, event: RolesChanged) -> dict[str, Member]:
    """The members in their new roles, one after the other: the last owner stays one."""
    members, owners = dict(state.members), _owners(state)
    for user, role in event.roles.items():
        member = members.get(user)
        if member is None or not member.present or (member.role == "owner" != role and owners == 1):
            continue
        if event.by_rank and user != event.actor and not state.outranks(event.actor, user):
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
