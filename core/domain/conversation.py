"""One conversation: who is in it, in which role, from which message to which; as the order of the log says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from core.domain.decision import Context, Rejected
from schemas import ids
from schemas.commands import (
    AddParticipants,
    ConversationCommand,
    CreateConversation,
    LeaveConversation,
    RemoveParticipants,
)
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    Kind,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
)

# State


@dataclass(frozen=True, slots=True)
class Interval:
    """A stay: the messages `from_seq` … `until_seq` (None: to this day) are the member's to read."""

    from_seq: int
    until_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One person's stays, oldest first, and the role of the last one."""

    role: Role
    intervals: tuple[Interval, ...]

    @property
    def present(self) -> bool:
        """Whether the last stay goes on."""
        return self.intervals[-1].until_seq is None

    def reads(self, seq: int) -> bool:
        """Whether message `seq` is this member's to read."""
        return any(i.from_seq <= seq and (i.until_seq is None or seq <= i.until_seq) for i in self.intervals)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that began. `n` counts its events; `members` has everyone who was ever in it, or, where a
    caller folds with fewer, at least everyone the events name.
    """

    tenant: str
    conversation_id: str
    kind: Kind
    created_by: str
    created_at: str
    external_id: str | None = None
    title: str | None = None
    n: int = 0
    members: Mapping[str, Member] = field(default_factory=dict)

    def holds(self, user_id: str) -> bool:
        """Whether the user is in it now."""
        member = self.members.get(user_id)
        return member is not None and member.present

    def manages(self, user_id: str) -> bool:
        """Whether the user is an owner or admin of it now; nobody manages a direct conversation."""
        return self.kind == "group" and self.holds(user_id) and self.members[user_id].role != "member"


State = Conversation | None
"""None: it has not begun."""

# Evolve


def evolve(state: State, event: ConversationEvent) -> State:
    """The state after an event. Total: what the state does not allow changes nothing, for every reader alike.

    An event counts, and `n` grows, also when it changes nothing else; before the creation nothing counts.
    """
    match event:
        case ConversationCreated():
            return _created(event) if state is None else replace(state, n=state.n + 1)
        case _ if state is None:
            return None
        case ConversationChanged():
            counted = replace(state, n=state.n + 1)
            return replace(counted, title=event.title) if state.manages(event.actor) else counted
        case ParticipantsAdded():
            return _with(state, _added(state, event) if state.manages(event.actor) else {})
        case ParticipantsRemoved():
            return _with(state, _removed(state, event))
        case _:
            assert_never(event)


def applies(state: State, event: ConversationEvent) -> bool:
    """Whether the event changes more than the count."""
    after = evolve(state, event)
    return after is not None and (state is None or replace(after, n=state.n) != state)


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


def _with(state: Conversation, changed: Mapping[str, Member]) -> Conversation:
    members = {**state.members, **changed} if changed else state.members
    return replace(state, n=state.n + 1, members=members)


def _added(state: Conversation, event: ParticipantsAdded) -> dict[str, Member]:
    added = {}
    for user, role in event.participants.items():
        before = state.members.get(user)
        if before is None:
            added[user] = Member(role, (Interval(event.at_seq + 1),))
        elif not before.present:
            added[user] = Member(role, (*before.intervals, Interval(_from(before, event.at_seq))))
    return added


def _from(before: Member, at_seq: int) -> int:
    """A new stay begins after the last one, whatever two nodes thought the last message was."""
    return max(at_seq, before.intervals[-1].until_seq or 0) + 1


def _removed(state: Conversation, event: ParticipantsRemoved) -> dict[str, Member]:
    removed = {}
    for user in event.participants:
        member = state.members.get(user)
        if member is not None and member.present and (user == event.actor or state.manages(event.actor)):
            stay = member.intervals[-1]
            ended = Interval(stay.from_seq, max(event.at_seq, stay.from_seq - 1))
            removed[user] = Member(member.role, (*member.intervals[:-1], ended))
    return removed


# Decide


def decide(state: State, command: ConversationCommand, context: Context, head: int = 0) -> list[ConversationEvent]:
    """What a command makes happen; `head` is the number of the last message. Raises `Rejected`."""
    match command:
        case CreateConversation():
            return create(state, command, context)
        case AddParticipants():
            return add(state, command, context, head)
        case RemoveParticipants():
            return remove(state, command, context, head)
        case LeaveConversation():
            return leave(state, command, context, head)
        case _:
            assert_never(command)


def create(state: State, command: CreateConversation, context: Context) -> list[ConversationEvent]:
    """Open it; whoever opens an open one of theirs again changes nothing."""
    if command.kind == "direct" and len({*command.participants, context.actor}) != 2:
        raise Rejected("validation_failed", "a direct conversation has one other participant")
    if state is not None:
        if not state.holds(context.actor):
            raise Rejected("not_a_participant")
        return []
    roles: dict[str, Role] = dict.fromkeys(command.participants, "member")
    roles[context.actor] = "owner" if command.kind == "group" else "member"
    return [
        ConversationCreated(
            tenant=context.tenant,
            at=context.at,
            conversation_id=id_of(command, context),
            actor=context.actor,
            kind=command.kind,
            participants=roles,
            external_id=command.external_id,
            title=command.title,
        )
    ]


def id_of(command: CreateConversation, context: Context) -> str:
    """The id of the conversation that a command opens."""
    if command.kind == "direct":
        other = next((user for user in command.participants if user != context.actor), context.actor)
        return ids.direct_conversation_id(context.tenant, context.actor, other)
    if command.external_id is not None:
        return ids.external_conversation_id(context.tenant, command.external_id)
    return ids.keyed_conversation_id(context.tenant, context.actor, command.client_key or context.correlation_id)


def add(state: State, command: AddParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Let people in. Whoever seems to be in is named too: by the time the log reads it they may have left."""
    conversation = _managed(state, context)
    if all(conversation.holds(user) for user in command.participants):
        return []
    return [
        ParticipantsAdded(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            actor=context.actor,
            participants=dict.fromkeys(command.participants, command.role),
            at_seq=head,
        )
    ]


def remove(state: State, command: RemoveParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Show people out, also those who do not seem to be in."""
    conversation = _managed(state, context)
    return _out(conversation, dict.fromkeys(command.participants), context, head)


def leave(state: State, command: LeaveConversation, context: Context, head: int) -> list[ConversationEvent]:
    """Go oneself; who is not in is told so."""
    return _out(entered(state, command.conversation_id, context), (context.actor,), context, head)


def _out(conversation: Conversation, users: Iterable[str], context: Context, head: int) -> list[ConversationEvent]:
    named = list(users)
    if not any(conversation.holds(user) for user in named):
        return []
    return [
        ParticipantsRemoved(
            tenant=context.tenant,
            at=context.at,
            conversation_id=conversation.conversation_id,
            actor=context.actor,
            participants=named,
            at_seq=head,
        )
    ]


def entered(state: State, conversation_id: str, context: Context) -> Conversation:
    """The conversation, if the actor is in it. Raises `Rejected`; another tenant's conversation does not exist."""
    if state is None or state.tenant != context.tenant:
        raise Rejected("conversation_not_found", f"there is no conversation {conversation_id}")
    if not state.holds(context.actor):
        raise Rejected("not_a_participant")
    return state


def _managed(state: State, context: Context) -> Conversation:
    conversation = entered(state, state.conversation_id if state else "", context)
    if not conversation.manages(context.actor):
        raise Rejected("not_allowed", "only owners and admins of a group change who is in it")
    return conversation
