"""The command that an event came from: for who reuses a client key, and for the audit log."""

from typing import Any, assert_never

from schemas.commands import NAME_OF
from schemas.commands.command_base import CommandData
from schemas.commands.conversation import (
    AddParticipants,
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
    RemoveReaction,
    SendMessage,
)
from schemas.events import (
    ConversationArchived,
    ConversationChanged,
    ConversationCreated,
    ConversationEvent,
    ConversationMuted,
    ConversationPinned,
    CursorMoved,
    MessageDeleted,
    MessageEdited,
    MessageEvent,
    MessageHidden,
    MessagePinned,
    MessageSent,
    MessageUnpinned,
    ParticipantsAdded,
    ParticipantsRemoved,
    Reacted,
    RolesChanged,
)
from schemas.events.inbox import InboxEvent

CommandEvent = MessageEvent | ConversationEvent | InboxEvent
"""The events that commands append."""


def command_of(event: CommandEvent) -> str:
    """Return the name of the command that an event came from."""
    if isinstance(event, MessageEvent):
        command = _of_message(event)
    elif isinstance(event, ConversationEvent):
        command = _of_conversation(event)
    else:
        command = _of_inbox(event)
    return NAME_OF[command]


def _of_message(event: MessageEvent) -> type[CommandData[Any]]:
    match event:
        case MessageSent():
            return ForwardMessage if event.forwarded_from else SendMessage
        case MessageEdited():
            return EditMessage
        case MessageDeleted():
            return DeleteMessage
        case Reacted():
            return AddReaction if event.on else RemoveReaction
        case _:
            assert_never(event)


def _of_conversation(event: ConversationEvent) -> type[CommandData[Any]]:
    """Return the command of an event of a conversation; leaving and being removed are one event."""
    command: type[CommandData[Any]]
    match event:
        case ConversationCreated():
            command = CreateConversation
        case ParticipantsAdded():
            command = CreateConversation if event.reopened else AddParticipants
        case ParticipantsRemoved():
            command = LeaveConversation if event.participants == [event.actor] else RemoveParticipants
        case RolesChanged():
            command = SetRole
        case MessagePinned():
            command = PinMessage
        case MessageUnpinned():
            command = UnpinMessage
        case ConversationChanged():
            command = UpdateConversation
        case _:
            assert_never(event)
    return command


def _of_inbox(event: InboxEvent) -> type[CommandData[Any]]:
    match event:
        case ConversationMuted():
            return MuteConversation if event.on else UnmuteConversation
        case ConversationArchived():
            return ArchiveConversation if event.on else UnarchiveConversation
        case ConversationPinned():
            return PinConversation if event.on else UnpinConversation
        case MessageHidden():
            return HideMessage
        case CursorMoved():
            return ReadMessages
        case _:
            assert_never(event)
