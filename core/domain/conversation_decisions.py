"""Decide commands on conversations: on a state that may be outdated; the fold of the log has the final say."""

from collections.abc import Collection, Iterable
from typing import Final, assert_never

from msgspec import UNSET

from core.domain import naming, pin
from core.domain.content import check_seen
from core.domain.conversation import (
    Conversation,
    State,
    evolve,
    has_changed,
    require_ever_member,
    require_member,
)
from core.domain.decision import Context, Rejected, field_error
from core.domain.member import MAX_LEAVES
from core.domain.message import Absent
from core.domain.message import State as MessageState
from core.domain.metadata import check
from core.domain.permission import may_act_on
from schemas import ids
from schemas.commands.conversation import (
    AddParticipants,
    ConversationCommand,
    CreateConversation,
    LeaveConversation,
    PinMessage,
    RemoveParticipants,
    SetRole,
    UnpinMessage,
    UpdateConversation,
)
from schemas.events import (
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    ParticipantsAdded,
    ParticipantsRemoved,
    Role,
    RolesChanged,
)

NO_MESSAGE: Final = Absent()


def decide(
    state: State,
    command: ConversationCommand,
    context: Context,
    head: int = 0,
    about: MessageState = NO_MESSAGE,
    *,
    deleted: Collection[str] = frozenset(),
) -> list[ConversationEvent]:
    """Decide a command. `head` is the number of the last message, `about` the message to pin, `deleted` has the pinned
    messages that were deleted.

    Raises `Rejected`.
    """
    match command:
        case CreateConversation():
            decided = create(state, command, context, head)
        case UpdateConversation():
            decided = update(state, command, context)
        case AddParticipants():
            decided = add(state, command, context, head)
        case RemoveParticipants():
            decided = remove(state, command, context, head)
        case SetRole():
            decided = set_roles(state, command, context)
        case LeaveConversation():
            decided = leave(state, command, context, head)
        case PinMessage():
            decided = pin.put(require_member(state, command.conversation_id, context), about, command, context, deleted)
        case UnpinMessage():
            decided = pin.take(require_member(state, command.conversation_id, context), command, context)
        case _:
            assert_never(command)
    return decided


def create(state: State, command: CreateConversation, context: Context, head: int) -> list[ConversationEvent]:
    """Create it. For a member of an existing one nothing changes; a former member may reopen it (`reopen`)."""
    if command.kind == "direct":
        if not command.participants or len({*command.participants, context.actor}) > 2:
            raise field_error("participants", "value", "a direct conversation is with one user, who may be yourself")
        if command.history != "joined":
            raise field_error("history", "value", "nobody is added to a direct conversation later")
    check_seen("title", command.title)
    if state is not None:
        return reopen(state, context, head)
    naming.check(command.external_id, context)
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
            history=command.history,
        )
    ]


def reopen(conversation: Conversation, context: Context, head: int) -> list[ConversationEvent]:
    """Reopen an existing one: its `returning` members come back, in a new interval. Raises `Rejected`."""
    again = conversation.returning(context.actor)
    if not again and not conversation.is_member(context.actor):
        raise Rejected("not_a_participant")
    return [bring_back(conversation, again, context, head)] if again else []


def bring_back(conversation: Conversation, users: Iterable[str], context: Context, head: int) -> ParticipantsAdded:
    """Return the event that brings these users back, in a new interval after message `head`."""
    role: Role = "member" if conversation.kind == "direct" else "owner"
    return ParticipantsAdded(
        tenant=context.tenant,
        at=context.at,
        conversation_id=conversation.conversation_id,
        actor=context.actor,
        participants=dict.fromkeys(users, role),
        at_seq=head,
        reopened=True,
        by_rank=True,
    )


def id_of(command: CreateConversation, context: Context) -> str:
    """Return the id of the conversation that a command creates."""
    if command.kind == "direct":
        other = next((user for user in command.participants if user != context.actor), context.actor)
        return ids.direct_conversation_id(context.tenant, context.actor, other)
    if command.external_id is not None:
        return ids.external_conversation_id(context.tenant, command.external_id)
    return ids.keyed_conversation_id(context.tenant, context.actor, command.client_key or context.correlation_id)


def update(state: State, command: UpdateConversation, context: Context) -> list[ConversationEvent]:
    """Change title, avatar, metadata or history. The event has every field of the command, also those that seem
    unchanged: only the log knows the state by then.
    """
    if all(part is UNSET for part in (command.title, command.avatar, command.metadata, command.history)):
        raise field_error("title", "missing", "an update names a title, an avatar, metadata or the history")
    if command.metadata is not UNSET:
        check(command.metadata)
    if command.title is not UNSET:
        check_seen("title", command.title)
    conversation = _require_manager(state, command.conversation_id, context)
    if command.history is not UNSET and not conversation.owns(context.actor):
        raise Rejected("not_allowed", "only owners set what new members read")
    event = ConversationChanged(
        tenant=context.tenant,
        at=context.at,
        conversation_id=command.conversation_id,
        actor=context.actor,
        title=command.title,
        avatar=command.avatar,
        metadata=command.metadata,
        history=command.history,
    )
    return [event] if has_changed(conversation, evolve(conversation, event)) else []


def add(state: State, command: AddParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Add users. Those who seem to be members are in the event too: by its place in the log they may have left."""
    conversation = _require_manager(state, command.conversation_id, context)
    if not conversation.can_assign(context.actor, command.role):
        raise Rejected("not_allowed", "only owners add owners and admins")
    if left := next((user for user in command.participants if not conversation.can_add(context.actor, user)), None):
        raise Rejected("not_allowed", f"{left} left by themselves: an owner adds them again, {MAX_LEAVES - 1} times")
    if all(conversation.is_member(user) for user in command.participants):
        return []
    return [
        ParticipantsAdded(
            tenant=context.tenant,
            at=context.at,
            conversation_id=command.conversation_id,
            actor=context.actor,
            participants=dict.fromkeys(command.participants, command.role),
            at_seq=head,
            by_rank=True,
        )
    ]


def remove(state: State, command: RemoveParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Remove users below the actor, including those who seem not to be members."""
    conversation = _require_manager(state, command.conversation_id, context)
    _check_below(conversation, command.participants, context)
    return _remove(conversation, dict.fromkeys(command.participants), context, head)


def leave(state: State, command: LeaveConversation, context: Context, head: int) -> list[ConversationEvent]:
    """Remove the actor; nothing changes if they are out already. Raises `Rejected` if they were never a member."""
    conversation = require_ever_member(state, command.conversation_id, context.tenant, context.actor)
    return _remove(conversation, (context.actor,), context, head)


def _remove(conversation: Conversation, users: Iterable[str], context: Context, head: int) -> list[ConversationEvent]:
    named = list(users)
    if not any(conversation.is_member(user) for user in named):
        return []
    event = ParticipantsRemoved(
        tenant=context.tenant,
        at=context.at,
        conversation_id=conversation.conversation_id,
        actor=context.actor,
        participants=named,
        at_seq=head,
        by_rank=True,
    )
    after = _after(conversation, event)
    if last := next((user for user in named if after.is_member(user)), None):
        raise Rejected("last_owner", f"{last} is its last owner, and others are in it")
    return [event]


def set_roles(state: State, command: SetRole, context: Context) -> list[ConversationEvent]:
    """Set the role of members: the actor, or members below them; those who have it already are in the event too."""
    conversation = require_member(state, command.conversation_id, context)
    if not conversation.owns(context.actor):
        raise Rejected("not_allowed", "only owners of a group set roles")
    if absent := next((user for user in command.participants if not conversation.is_member(user)), None):
        raise Rejected("participant_not_found", f"{absent} is not in this conversation")
    others = (user for user in command.participants if conversation.members[user].role != command.role)
    _check_below(conversation, others, context)
    event = RolesChanged(
        tenant=context.tenant,
        at=context.at,
        conversation_id=command.conversation_id,
        actor=context.actor,
        roles=dict.fromkeys(command.participants, command.role),
        by_rank=True,
    )
    after = _after(conversation, event)
    if keeps := next((user for user in event.roles if after.members[user].role != command.role), None):
        raise Rejected("last_owner", f"{keeps} is its last owner")
    return [event] if has_changed(conversation, after) else []


def _check_below(conversation: Conversation, users: Iterable[str], context: Context) -> None:
    """Require that the actor may act on all of these. Raises `Rejected`."""
    if above := next((user for user in users if not may_act_on(conversation, user, context.actor)), None):
        raise Rejected("not_allowed", f"{above} has your rank, or a higher one")


def _after(conversation: Conversation, event: ConversationEvent) -> Conversation:
    """Return the conversation after the event, if no other event comes first."""
    return evolve(conversation, event) or conversation


def _require_manager(state: State, conversation_id: str, context: Context) -> Conversation:
    conversation = require_member(state, conversation_id, context)
    if not conversation.can_manage(context.actor):
        raise Rejected("not_allowed", "only owners and admins of a group do this")
    return conversation
