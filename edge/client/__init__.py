"""The protocol from a program's side: commands in order, events each once, and a line that comes back by itself."""

from edge.client.application import Application
from edge.client.client import Client
from edge.client.events import (
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
    Typing,
    Unknown,
)
from edge.client.outgoing import Outgoing
from edge.client.tokens import TokenRefused
from edge.client.wire import ChatError, CommandError, Refused

__all__ = [
    "Application",
    "ChatError",
    "Client",
    "CommandError",
    "CommandFailed",
    "ConversationUpdated",
    "CursorsMoved",
    "Event",
    "InboxChanged",
    "MessageDeleted",
    "MessageEdited",
    "MessageNew",
    "Outgoing",
    "Presence",
    "ReactionChanged",
    "Receipt",
    "Refused",
    "Reset",
    "TokenRefused",
    "Typing",
    "Unknown",
]
