# Generated from schemas/commands/message.py by `python -m schemas.export`: do not edit.
"""Commands about messages and reactions."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..bounds import ATTACHMENTS, MENTIONS, Ciphertext, Emoji, Key, Number, Text, UserId, Uuid
from ..commands.command_base import CommandData
from ..wire.answers import Level, MessageAccepted


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the media service; all fields but its id are for display."""

    media_id: Uuid
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    content_type: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    size: Number | None = None


class SendMessage(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="message:send"):
    """Send a message to a conversation: a text, or attachments, or both; or a ciphertext and no text.

    Members whom the text names as `@user_id` are mentioned, and those in `mentions`. The answer waits, some seconds at
    most, until the message reaches the stage `wait_for`, and has the stage it reached.
    """

    conversation_id: Uuid
    client_msg_id: Key
    text: Text | None = None
    ciphertext: Ciphertext | None = None
    reply_to: Uuid | None = None
    attachments: Annotated[list[Attached], Meta(max_length=ATTACHMENTS)] = []
    mentions: Annotated[list[UserId], Meta(max_length=MENTIONS)] = []
    metadata: dict[str, Any] | None = None
    wait_for: Level = "accepted"


class ForwardMessage(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="message:forward"):
    """Send a copy of a message that the user may read to a conversation, the same or another."""

    conversation_id: Uuid
    client_msg_id: Key
    from_conversation_id: Uuid
    message_id: Uuid


class EditMessage(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="message:edit"):
    """Replace the text, or the ciphertext, of one's own message; without either, only its attachments remain."""

    conversation_id: Uuid
    message_id: Uuid
    text: Text | None = None
    ciphertext: Ciphertext | None = None
    mentions: Annotated[list[UserId], Meta(max_length=MENTIONS)] = []
    client_key: Key | None = None


class DeleteMessage(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="message:delete"):
    """Delete a message for everyone: one's own, or any as an owner or admin."""

    conversation_id: Uuid
    message_id: Uuid


class AddReaction(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="reaction:add"):
    """Add an emoji to a message."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


class RemoveReaction(CommandData[MessageAccepted], frozen=True, kw_only=True, tag="reaction:remove"):
    """Remove one's own emoji from a message."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


MessageCommand = SendMessage | ForwardMessage | EditMessage | DeleteMessage | AddReaction | RemoveReaction
