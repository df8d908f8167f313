# Generated from schemas/commands/inbox.py by `python -m schemas.export`: do not edit.
"""Commands about one user's own view of a conversation, which concern no other user."""

from ..bounds import Key, Number, Time, Uuid
from ..commands.command_base import CommandData
from ..wire.answers import ConversationAccepted, MessageAccepted


class ReadMessages(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="message:read"):
    """Mark a conversation as read up to message `seq`; with `private` other members are not notified.

    With `thread`, the id of any message in it, only the answers in that thread are marked, always privately.
    """

    conversation_id: Uuid
    seq: Number
    private: bool = False
    thread: Uuid | None = None


class HideMessage(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="message:hide"):
    """Delete a message for this user alone."""

    conversation_id: Uuid
    message_id: Uuid


class MuteConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:mute"):
    """Mute a conversation, until a time or permanently."""

    conversation_id: Uuid
    until: Time | None = None
    client_key: Key | None = None


class UnmuteConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:unmute"):
    """Unmute a conversation."""

    conversation_id: Uuid
    client_key: Key | None = None


class ArchiveConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:archive"):
    """Archive a conversation until its next message; with `keep_archived` until the user's own next message."""

    conversation_id: Uuid
    keep_archived: bool = False
    client_key: Key | None = None


class UnarchiveConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:unarchive"):
    """Unarchive a conversation."""

    conversation_id: Uuid
    client_key: Key | None = None


class PinConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:pin"):
    """Pin a conversation to the top of the user's list."""

    conversation_id: Uuid
    client_key: Key | None = None


class UnpinConversation(CommandData[ConversationAccepted], frozen=True, kw_only=True, tag="conversation:unpin"):
    """Unpin a conversation from the top of the user's list."""

    conversation_id: Uuid
    client_key: Key | None = None


InboxCommand = (
    ReadMessages
    | HideMessage
    | MuteConversation
    | UnmuteConversation
    | ArchiveConversation
    | UnarchiveConversation
    | PinConversation
    | UnpinConversation
)
