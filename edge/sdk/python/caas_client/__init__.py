"""The protocol from a program's side: commands in order, events each once, and a line that comes back by itself."""

from edge.sdk.python.caas_client.application import Application
from edge.sdk.python.caas_client.client import Client
from edge.sdk.python.caas_client.events import (
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
from edge.sdk.python.caas_client.outgoing_command import Outgoing
from edge.sdk.python.caas_client.tokens import TokenRefused
from edge.sdk.python.caas_client.wire import ChatError, CommandError, Refused

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
