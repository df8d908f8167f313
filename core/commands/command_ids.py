"""Derive from a command its conversation and message, the id of its event, and a hash of what a retry must repeat.

The id is the same for every retry, on every node, permanently.
"""

from typing import NamedTuple, assert_never

from core.domain import content, conversation_decisions, message
from core.domain.conversation import Conversation
from core.domain.decision import Context
from core.domain.emoji import look
from schemas import ids
from schemas.commands import NAME_OF
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
from schemas.commands.message import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    ForwardMessage,
    MessageCommand,
    RemoveReaction,
    SendMessage,
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


class RetryKey(NamedTuple):
    """What makes a command a retry of an earlier one: by the same actor, with the same name, `aggregate` and `key`.

    A `key` of None is the correlation id. `repeated` is what else a retry must repeat, by the fields that the key does
    not name; None is nothing.
    """

    aggregate: str
    key: str | None
    repeated: object = None


def event_id_of(command: AppendingCommand, context: Context) -> str:
    """Return the id of the event that a command appends. `message:read` must have the values that are appended: the
    `seq`, and the thread by its first message.
    """
    if isinstance(command, SendMessage | ForwardMessage):
        return message_of(command, context)
    aggregate, key, _ = _retry_key(command, context)
    key = context.correlation_id if key is None else key
    return ids.derive(context.tenant, aggregate, context.actor, NAME_OF[type(command)], key)


def hash_of(command: AppendingCommand, context: Context) -> int:
    """Return a hash of what a retry must repeat, equal for a retry within this process."""
    return hash(_retry_key(command, context).repeated)


def _retry_key(command: AppendingCommand, context: Context) -> RetryKey:
    """Return the row of a command, of which every command has one: the type checker finds who has none."""
    if isinstance(command, MessageCommand):
        return _of_message(command)
    return _of_inbox(command) if isinstance(command, InboxCommand) else _of_conversation(command, context)


def _of_message(command: MessageCommand) -> RetryKey:
    match command:
        case SendMessage() | ForwardMessage():
            return RetryKey(command.conversation_id, command.client_msg_id, content.repeated(command))
        case EditMessage():
            return RetryKey(command.message_id, command.client_key, (command.text, command.ciphertext))
        case AddReaction() | RemoveReaction():
            return RetryKey(command.message_id, command.client_key, look(command.emoji))
        case DeleteMessage():
            return RetryKey(command.message_id, "")
        case _:
            assert_never(command)


def _of_conversation(command: ConversationCommand, context: Context) -> RetryKey:
    match command:
        case CreateConversation():
            return RetryKey(conversation_of(command, context), "")
        case (
            UpdateConversation()
            | AddParticipants()
            | RemoveParticipants()
            | SetRole()
            | LeaveConversation()
            | PinMessage()
            | UnpinMessage()
        ):
            return RetryKey(command.conversation_id, command.client_key, str(command))
        case _:
            assert_never(command)


def _of_inbox(command: InboxCommand) -> RetryKey:
    match command:
        case ReadMessages():  # a private read may be repeated as a public one later
            how = command.thread or ("private" if command.private else "")
            return RetryKey(command.conversation_id, f"{command.seq} {how}".rstrip())
        case HideMessage():
            return RetryKey(command.message_id, "")
        case MuteConversation():
            return RetryKey(command.conversation_id, command.client_key, command.until)
        case ArchiveConversation():
            return RetryKey(command.conversation_id, command.client_key, command.keep_archived)
        case UnmuteConversation() | UnarchiveConversation() | PinConversation() | UnpinConversation():
            return RetryKey(command.conversation_id, command.client_key)
        case _:
            assert_never(command)
