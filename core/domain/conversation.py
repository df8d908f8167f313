"""Conversation is the aggregate of members, roles and membership intervals, folded in the order of the log."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

import msgspec
from msgspec import UNSET, structs

from core.domain.decision import Context, Rejected
from core.domain.member import RANKS, Member, with_interval_ended, with_new_interval
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

MAX_PINS: Final = 100
"""Maximum number of pinned messages."""

# State


class Conversation(msgspec.Struct, frozen=True, gc=False):
    """A conversation that was created. `n` counts its events; `members` has everyone who was ever in it.

    `metadata` is JSON text (core.domain.metadata), `pins` are ids of messages, the oldest pin first: including messages
    deleted since, which only the messages themselves know (core.domain.pin). A new member reads the earlier messages
    from `history_from` on; 0: none of them.
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
    members: Mapping[str, Member] = msgspec.field(default_factory=dict)

    def is_member(self, user_id: str) -> bool:
        """Return whether the user is in it now."""
        member = self.members.get(user_id)
        return member is not None and member.present

    def can_manage(self, user_id: str) -> bool:
        """Return whether the user is an owner or admin of it now; nobody is of a direct conversation."""
        return self.kind == "group" and self.is_member(user_id) and self.members[user_id].role != "member"

    def owns(self, user_id: str) -> bool:
        """Return whether the user is an owner of it now."""
        return self.kind == "group" and self.is_member(user_id) and self.members[user_id].role == "owner"

    @property
    def history(self) -> History:
        """The earlier messages that a new member reads."""
        return "all" if self.history_from else "joined"

    def outranks(self, actor: str, user_id: str) -> bool:
        """Return whether the actor can manage it and ranks above this user; a user who is not in it ranks lowest."""
        other = self.members.get(user_id)
        return self.can_manage(actor) and self.members[actor].rank > (other.rank if other is not None else 0)

    def can_assign(self, actor: str, role: Role) -> bool:
        """Return whether the actor may add users with this role: owners any, admins one below their own."""
        return self.owns(actor) or (self.can_manage(actor) and self.members[actor].rank > RANKS[role])

    def can_add(self, actor: str, user_id: str) -> bool:
        """Return whether the actor, who can manage it, may add this user: a user who left by themselves is added only
        by an owner, and `MAX_LEAVES` - 1 times. True for a user who is in it.
        """
        member = self.members.get(user_id)
        if member is None or member.present:
            return True
        return not member.declines and (not member.left or self.owns(actor))

    @property
    def deserted(self) -> bool:
        """Whether a member has left this direct conversation; the next message brings them back."""
        return self.kind == "direct" and bool(self.absent())

    def absent(self) -> list[str]:
        """Return the former members."""
        return [user for user, member in self.members.items() if not member.present]

    def returning(self, actor: str) -> list[str]:
        """Return who is a member again if the actor reopens it: all former members of a direct conversation; in a group
        without members the actor, if they left by themselves.
        """
        if actor not in self.members:
            return []
        absent = self.absent()
        if self.kind == "direct":
            return absent
        return [actor] if len(absent) == len(self.members) and self.members[actor].left else []


State = Conversation | None
"""None: it was not created."""


def require_member(state: State, conversation_id: str, context: Context) -> Conversation:
    """Return the conversation if the actor is in it. Raises `Rejected`, also for another tenant's conversation."""
    found = require_ever_member(state, conversation_id, context.tenant, context.actor)
    if not found.is_member(context.actor):
        raise Rejected("not_a_participant")
    return found


def require_ever_member(state: State, conversation_id: str, tenant: str, user_id: str) -> Conversation:
    """Return the conversation if the user is or was in it. Raises `Rejected`, also for another tenant's."""
    if state is None or state.tenant != tenant:
        raise Rejected("conversation_not_found", f"there is no conversation {conversation_id}")
    if user_id not in state.members:
        raise Rejected("not_a_participant")
    return state


# Evolve


def evolve(state: State, event: ConversationEvent) -> State:
    """Return the state after an event. Total: what the state does not allow changes nothing, the same for every reader.

    Every event increments `n`, also if it changes nothing else; before the creation none does.
    """
    if state is None:
        return _created(event) if isinstance(event, ConversationCreated) else None
    return structs.replace(state, n=state.n + 1, **_changes(state, event))


def has_changed(before: State, after: State) -> bool:
    """Return whether the states differ in more than `n`."""
    return after is not None and (before is None or structs.replace(after, n=before.n) != before)


def _changes(state: Conversation, event: ConversationEvent) -> dict[str, Any]:
    """Return the fields that an event changes."""
    match event:
        case ConversationChanged():
            return _fields_of(state, event) if state.can_manage(event.actor) else {}
        case ParticipantsAdded():
            return _reopened(state, event) if event.reopened else {"members": {**state.members, **_added(state, event)}}
        case ParticipantsRemoved():
            return {"members": _members_after(state, event)}
        case RolesChanged():
            return {"members": _set_roles(state, event) if state.owns(event.actor) else state.members}
        case MessagePinned() | MessageUnpinned():
            return {"pins": _pins_after(state, event) if state.is_member(event.actor) else state.pins}
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
        members={user: with_new_interval(None, role, 0) for user, role in event.participants.items()},
    )


def _fields_of(state: Conversation, event: ConversationChanged) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if event.title is not UNSET:
        fields["title"] = event.title
    if event.avatar is not UNSET:
        fields["avatar"] = event.avatar
    if event.metadata is not UNSET:
        fields["metadata"] = text_of(event.metadata)
    if event.history not in (UNSET, state.history) and state.owns(event.actor):
        fields["history_from"] = state.members[event.actor].intervals[-1].first if event.history == "all" else 0
    return fields


def _added(state: Conversation, event: ParticipantsAdded) -> dict[str, Member]:
    """Return the added members, with a role that the actor may assign."""
    added: dict[str, Member] = {}
    if not state.can_manage(event.actor):
        return added
    for user, role in event.participants.items():
        before = state.members.get(user)
        if event.by_rank:
            given = state.can_assign(event.actor, role) and state.can_add(event.actor, user)
        else:
            given = role != "owner" or state.owns(event.actor)
        if given and (before is None or not before.present):
            added[user] = with_new_interval(before, role, event.at_seq, state.history_from)
    return added


def _reopened(state: Conversation, event: ParticipantsAdded) -> dict[str, Any]:
    """Return the fields after the actor reopened it, with those of `participants` who return. Reopening a group without
    members makes the actor its owner: messages sent without them stay hidden, from them and from users they add.
    """
    again = [user for user in state.returning(event.actor) if user in event.participants]
    role: Role = "member" if state.kind == "direct" else "owner"
    returned = {user: with_new_interval(state.members[user], role, event.at_seq) for user in again}
    floor = max((member.intervals[-1].from_seq for member in returned.values()), default=0)
    history_from = max(state.history_from, floor) if state.history_from else 0
    return {"members": {**state.members, **returned}, "history_from": history_from}


def _members_after(state: Conversation, event: ParticipantsRemoved) -> dict[str, Member]:
    """Return the members after these left, one by one: the last owner only if no other member is left by then."""
    members, can_manage = dict(state.members), state.can_manage(event.actor)
    owners, here = _owners(state), sum(member.present for member in members.values())
    for user in event.participants:
        member, left = members.get(user), user == event.actor
        above = state.outranks(event.actor, user) if event.by_rank else can_manage
        if member is None or not member.present or not (left or above):
            continue
        if member.role == "owner" and owners == 1 and here > 1:
            continue
        members[user] = with_interval_ended(member, event.at_seq, state.n + 1, left=left)
        owners, here = owners - (member.role == "owner"), here - 1
    return members


def _set_roles(state: Conversation, event: RolesChanged) -> dict[str, Member]:
    """Return the members with their new roles, one by one: the last owner stays owner."""
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
    """Return the number of owners now."""
    return sum(member.present and member.role == "owner" for member in state.members.values())


def _pins_after(state: Conversation, event: MessagePinned | MessageUnpinned) -> tuple[str, ...]:
    if isinstance(event, MessageUnpinned):
        return tuple(pin for pin in state.pins if pin != event.message_id)
    kept = tuple(pin for pin in state.pins if pin not in event.freed)
    if event.message_id in kept or len(kept) >= MAX_PINS:
        return state.pins
    return (*kept, event.message_id)
