"""What a command is about, and the id of the event that it appends: the same for every retry, on any node, for ever."""

from typing import assert_never

from core.domain import conversing, message
from core.domain.decision import Context
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

Acting = MessageCommand | ConversationCommand
"""A command that appends; the others are queries."""


def conversation_of(command: Acting, context: Context) -> str:
    """The conversation a command is about."""
    return conversing.id_of(command, context) if isinstance(command, CreateConversation) else command.conversation_id


def message_of(command: MessageCommand, context: Context) -> str:
    """The message a command says or changes."""
    if isinstance(command, SendMessage | ForwardMessage):
        return message.id_of(command, context)
    return command.message_id


def named_by(command: Acting) -> str | None:
    """The message that a command names, if it names one."""
    match command:
        case (
            ForwardMessage()
            | EditMessage()
            | DeleteMessage()
            | AddReaction()
            | RemoveReaction()
            | PinMessage()
            | UnpinMessage()
        ):
            return command.message_id
        case SendMessage():
            return command.reply_to
        case _:
            return None


def event_id_of(command: Acting, context: Context) -> str:
    """The id of the event a command appends."""
    match command:
        case SendMessage() | ForwardMessage():
            return message_of(command, context)
        case EditMessage() | AddReaction() | RemoveReaction():
            aggregate, key = command.message_id, command.client_key
        case DeleteMessage():
            aggregate, key = command.message_id, ""
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
        ):
            aggregate, key = command.conversation_id, command.client_key
        case _:
            assert_never(command)
    key = context.correlation_id if key is None else key
    return ids.derive(context.tenant, aggregate, context.actor, NAME_OF[type(command)], key)
