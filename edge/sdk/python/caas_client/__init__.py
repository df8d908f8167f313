"""The protocol from a program's side: commands in order, events each once, and a line that comes back by itself."""

from .application import Application
from .client import Client
from .events import (
    CommandFailed,
    ConversationUpdated,
    CursorsMoved,
    Event,
    InboxChanged,
    MessageDeleted,
    MessageEdited,
    MessageNew,
    Presence,
    ReactionChanged,
    Receipt,
    Reset,
    SlowDown,
    Typing,
    Unknown,
)
from .language.wire.views import ConversationView, MessageView
from .outgoing_command import Outgoing
from .tokens import TokenRefused
from .wire import ChatError, CommandError, Refused

__all__ = [
    "Application",
    "ChatError",
    "Client",
    "CommandError",
    "CommandFailed",
    "ConversationUpdated",
    "ConversationView",
    "CursorsMoved",
    "Event",
    "InboxChanged",
    "MessageDeleted",
    "MessageEdited",
    "MessageNew",
    "MessageView",
    "Outgoing",
    "Presence",
    "ReactionChanged",
    "Receipt",
    "Refused",
    "Reset",
    "SlowDown",
    "TokenRefused",
    "Typing",
    "Unknown",
]
