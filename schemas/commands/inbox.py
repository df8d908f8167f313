"""What a client may ask for that concerns nobody else: how one user has a conversation."""

from schemas.bounds import Key, Number, Time, Uuid
from schemas.commands.command_base import CommandData


class ReadMessages(CommandData, frozen=True, kw_only=True, tag="message:read"):
    """Say that one has read a conversation up to message `seq`; where it is `private` nobody is told.

    With `thread`, any message of one, only what answers in it is read up to there, of which nobody is told.
    """

    conversation_id: Uuid
    seq: Number
    private: bool = False
    thread: Uuid | None = None


class HideMessage(CommandData, frozen=True, kw_only=True, tag="message:hide"):
    """Delete a message for oneself alone."""

    conversation_id: Uuid
    message_id: Uuid


class MuteConversation(CommandData, frozen=True, kw_only=True, tag="conversation:mute"):
    """Want to hear no more of a conversation, until a time or for good."""

    conversation_id: Uuid
    until: Time | None = None
    client_key: Key | None = None


class UnmuteConversation(CommandData, frozen=True, kw_only=True, tag="conversation:unmute"):
    """Want to hear of it again."""

    conversation_id: Uuid
    client_key: Key | None = None


class ArchiveConversation(CommandData, frozen=True, kw_only=True, tag="conversation:archive"):
    """Put a conversation away, until something is said in it; with `keep_archived` until one says something oneself."""

    conversation_id: Uuid
    keep_archived: bool = False
    client_key: Key | None = None


class UnarchiveConversation(CommandData, frozen=True, kw_only=True, tag="conversation:unarchive"):
    """Put it back."""

    conversation_id: Uuid
    client_key: Key | None = None


class PinConversation(CommandData, frozen=True, kw_only=True, tag="conversation:pin"):
    """Have a conversation at the top of one's list."""

    conversation_id: Uuid
    client_key: Key | None = None


class UnpinConversation(CommandData, frozen=True, kw_only=True, tag="conversation:unpin"):
    """Have it in its place again."""

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
