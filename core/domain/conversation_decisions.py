"""What a command makes happen in a conversation, or why not: decided on a state that may be old, settled by the log."""

from collections.abc import Collection, Iterable
from typing import Final, assert_never

from msgspec import UNSET

from core.domain import naming, pin
from core.domain.content import check_seen
from core.domain.conversation import Conversation, State, entered, evolve, moved_on
from core.domain.decision import Context, Rejected, field_error
from core.domain.member import LEAVES
from core.domain.message import Absent
from core.domain.message import State as MessageState
from core.domain.metadata import check
from core.domain.permission import may_act_on
from schemas import ids
from schemas.commands import (
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
    """What a command makes happen; `head` is the number of the last message, `about` the message to pin, `deleted` has
    those pinned ones that were deleted.

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
            decided = cast(state, command, context)
        case LeaveConversation():
            decided = leave(state, command, context, head)
        case PinMessage():
            decided = pin.put(entered(state, command.conversation_id, context), about, command, context, deleted)
        case UnpinMessage():
            decided = pin.take(entered(state, command.conversation_id, context), command, context)
        case _:
            assert_never(command)
    return decided


def create(state: State, command: CreateConversation, context: Context, head: int) -> list[ConversationEvent]:
    """Open it; whoever opens an open one of theirs again changes nothing, and one that was left comes back."""
    if command.kind == "direct":
        if not command.participants or len({*command.participants, context.actor}) > 2:
            raise field_error("participants", "value", "a direct conversation is with one person, who may be oneself")
        if command.history != "joined":
            raise field_error("history", "value", "nobody is let into a direct conversation later")
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
    """Open what has begun: whoever is to be in it and is not comes back, in a new stay. Raises `Rejected`."""
    again = conversation.returning(context.actor)
    if not again and not conversation.holds(context.actor):
        raise Rejected("not_a_participant")
    return [back(conversation, again, context, head)] if again else []


def back(conversation: Conversation, users: Iterable[str], context: Context, head: int) -> ParticipantsAdded:
    """These are in it again, in a new stay behind message `head`."""
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
    """The id of the conversation that a command opens."""
    if command.kind == "direct":
        other = next((user for user in command.participants if user != context.actor), context.actor)
        return ids.direct_conversation_id(context.tenant, context.actor, other)
    if command.external_id is not None:
        return ids.external_conversation_id(context.tenant, command.external_id)
    return ids.keyed_conversation_id(context.tenant, context.actor, command.client_key or context.correlation_id)


def update(state: State, command: UpdateConversation, context: Context) -> list[ConversationEvent]:
    """Change what it is called, shows and carries. All that the command names is in the event, also what seems to be
    so already: only the log knows what stands by then.
    """
    if all(part is UNSET for part in (command.title, command.avatar, command.metadata, command.history)):
        raise field_error("title", "missing", "an update names a title, an avatar, metadata or the history")
    if command.metadata is not UNSET:
        check(command.metadata)
    if command.title is not UNSET:
        check_seen("title", command.title)
    conversation = _managed(state, command.conversation_id, context)
    if command.history is not UNSET and not conversation.owns(context.actor):
        raise Rejected("not_allowed", "only owners say what those who come later read")
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
    return [event] if moved_on(conversation, evolve(conversation, event)) else []


def add(state: State, command: AddParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Let people in. Whoever seems to be in is named too: by the time the log reads it they may have left."""
    conversation = _managed(state, command.conversation_id, context)
    if not conversation.gives(context.actor, command.role):
        raise Rejected("not_allowed", "only owners let in owners and admins")
    if left := next((user for user in command.participants if not conversation.lets_in(context.actor, user)), None):
        raise Rejected("not_allowed", f"{left} left by themselves: an owner lets them in again, {LEAVES - 1} times")
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
            by_rank=True,
        )
    ]


def remove(state: State, command: RemoveParticipants, context: Context, head: int) -> list[ConversationEvent]:
    """Show people out whom one stands above, also those who do not seem to be in."""
    conversation = _managed(state, command.conversation_id, context)
    _check_below(conversation, command.participants, context)
    return _out(conversation, dict.fromkeys(command.participants), context, head)


def leave(state: State, command: LeaveConversation, context: Context, head: int) -> list[ConversationEvent]:
    """Go oneself; who is not in is told so."""
    return _out(entered(state, command.conversation_id, context), (context.actor,), context, head)


def _out(conversation: Conversation, users: Iterable[str], context: Context, head: int) -> list[ConversationEvent]:
    named = list(users)
    if not any(conversation.holds(user) for user in named):
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
    if stays := next((user for user in named if after.holds(user)), None):
        raise Rejected("last_owner", f"{stays} is its last owner, and others are in it")
    return [event]


def cast(state: State, command: SetRole, context: Context) -> list[ConversationEvent]:
    """Give members another role, oneself or whom one stands above; whoever has it already is named too."""
    conversation = entered(state, command.conversation_id, context)
    if not conversation.owns(context.actor):
        raise Rejected("not_allowed", "only owners of a group give roles")
    if absent := next((user for user in command.participants if not conversation.holds(user)), None):
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
    return [event] if moved_on(conversation, after) else []


def _check_below(conversation: Conversation, users: Iterable[str], context: Context) -> None:
    """Raises `Rejected` where the actor stands above one of these no more than they do themselves."""
    if above := next((user for user in users if not may_act_on(conversation, user, context.actor)), None):
        raise Rejected("not_allowed", f"{above} stands as high as you, or higher")


def _after(conversation: Conversation, event: ConversationEvent) -> Conversation:
    """The conversation after the event, if nothing comes in between."""
    return evolve(conversation, event) or conversation


def _managed(state: State, conversation_id: str, context: Context) -> Conversation:
    conversation = entered(state, conversation_id, context)
    if not conversation.manages(context.actor):
        raise Rejected("not_allowed", "only owners and admins of a group do this")
    return conversation
