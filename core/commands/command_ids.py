"""Derive from a command its conversation and message, the id of its event, and a hash of what a retry must repeat.

The id is the same for every retry, on every node, permanently.
"""

from typing import assert_never

from core.domain import content, conversation_decisions, message
from core.domain.conversation import Conversation
from core.domain.decision import Context
from core.domain.emoji import look
from schemas import ids
from schemas.commands import (
    NAME_OF,
    AddParticipants,
    AddReaction,
    ConversationCommand,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    LeaveConversation,
    MessageCommand,
    PinMessage,
    RemoveParticipants,
    RemoveReaction,
    SendMessage,
    SetRole,
    UnpinMessage,
    UpdateConversation,
)
from schemas.commands.inbox import (
    ArchiveConversation,
    HideMessage,
    InboxCommand,
    MuteConversation,
    PinConversation,
    ReadMessages,
    UnarchiveConversation,
    UnmuteConversation,
    UnpinConversation,
)
from schemas.commands.signals import DeliveredMessages, StartTyping, StopTyping

AppendingCommand = MessageCommand | ConversationCommand | InboxCommand
"""A command that appends an event; the others are signals and queries."""
ConversationSignal = DeliveredMessages | StartTyping | StopTyping
"""A signal about a conversation: it is rejected like a command."""


def conversation_of(command: AppendingCommand | ConversationSignal, context: Context) -> str:
    """Return the conversation of a command."""
    return (
        conversation_decisions.id_of(command, context)
        if isinstance(command, CreateConversation)
        else command.conversation_id
    )


def message_of(command: MessageCommand, context: Context) -> str:
    """Return the message that a command sends or changes."""
    if isinstance(command, SendMessage | ForwardMessage):
        return message.id_of(command, context)
    return command.message_id


def named_by(command: AppendingCommand | ConversationSignal) -> str | None:
    """Return the message that a command refers to, None if it refers to none."""
    match command:
        case SendMessage():
            return command.reply_to
        case ReadMessages():
            return command.thread
        case _:
            message_id: str | None = getattr(command, "message_id", None)
            return message_id


def return_id_of(conversation: Conversation, context: Context) -> str:
    """Return the id of the event by which the actor brings absent users back into a conversation: a new id after each
    departure. So an event that changed nothing, since the users were back already, does not hide a later one.
    """
    ended = max(conversation.members[user].intervals[-1].ended_n for user in conversation.absent())
    where, name = conversation.conversation_id, NAME_OF[CreateConversation]
    return ids.derive(context.tenant, where, context.actor, name, f"again {ended}")


def event_id_of(command: AppendingCommand, context: Context) -> str:
    """Return the id of the event that a command appends. `message:read` must have the values that are appended: the
    `seq`, and the thread by its first message.
    """
    match command:
        case SendMessage() | ForwardMessage():
            return message_of(command, context)
        case EditMessage() | AddReaction() | RemoveReaction():
            aggregate, key = command.message_id, command.client_key
        case DeleteMessage() | HideMessage():
            aggregate, key = command.message_id, ""
        case ReadMessages():  # a private read may be repeated as a public one later
            how = command.thread or ("private" if command.private else "")
            aggregate, key = command.conversation_id, f"{command.seq} {how}".rstrip()
        case CreateConversation():
            aggregate, key = conversation_of(command, context), ""
        case (
            UpdateConversation()
            | AddParticipants()
            | RemoveParticipants()
            | SetRole()
            | LeaveConversation()
            | PinMessage()
            | UnpinMessage()
            | MuteConversation()
            | UnmuteConversation()
            | ArchiveConversation()
            | UnarchiveConversation()
            | PinConversation()
            | UnpinConversation()
        ):
            aggregate, key = command.conversation_id, command.client_key
        case _:
            assert_never(command)
    key = context.correlation_id if key is None else key
    return ids.derive(context.tenant, aggregate, context.actor, NAME_OF[type(command)], key)


def hash_of(command: AppendingCommand) -> int:
    """Return a hash of the fields that a retry must repeat and that its event's id does not name."""
    said: object
    match command:
        case SendMessage() | ForwardMessage():
            return content.hash_of(command)
        case EditMessage():
            said = command.text, command.ciphertext
        case AddReaction() | RemoveReaction():
            said = look(command.emoji)
        case MuteConversation():
            said = command.until
        case ArchiveConversation():
            said = command.keep_archived
        case (
            CreateConversation()
            | DeleteMessage()
            | HideMessage()
            | ReadMessages()
            | UnmuteConversation()
            | UnarchiveConversation()
            | PinConversation()
            | UnpinConversation()
        ):
            said = None
        case _ if isinstance(command, ConversationCommand):
            said = str(command)
        case _:
            assert_never(command)
    return hash(said)
