"""What a client may do with messages and reactions."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.bounds import ATTACHMENTS, MENTIONS, Ciphertext, Emoji, Key, Number, Text, UserId, Uuid
from schemas.commands.command_base import CommandData, Level


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the media service; what is said of it besides its id is for those who show it."""

    media_id: Uuid
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    content_type: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    size: Number | None = None


class SendMessage(CommandData, frozen=True, kw_only=True, tag="message:send"):
    """Say something in a conversation: a text, or attachments, or both; or a ciphertext and no text.

    Members whom the text names as `@user_id` are mentioned, and those in `mentions`. The answer waits until it is
    `wait_for`, some seconds at most, and says how far it came.
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


class ForwardMessage(CommandData, frozen=True, kw_only=True, tag="message:forward"):
    """Say in a conversation what a message says that one may read, there or elsewhere."""

    conversation_id: Uuid
    client_msg_id: Key
    from_conversation_id: Uuid
    message_id: Uuid


class EditMessage(CommandData, frozen=True, kw_only=True, tag="message:edit"):
    """Replace the text, or the ciphertext, of one's own message; without one, its attachments stand alone."""

    conversation_id: Uuid
    message_id: Uuid
    text: Text | None = None
    ciphertext: Ciphertext | None = None
    mentions: Annotated[list[UserId], Meta(max_length=MENTIONS)] = []
    client_key: Key | None = None


class DeleteMessage(CommandData, frozen=True, kw_only=True, tag="message:delete"):
    """Withdraw a message for everyone: one's own, or any as an owner or admin."""

    conversation_id: Uuid
    message_id: Uuid


class AddReaction(CommandData, frozen=True, kw_only=True, tag="reaction:add"):
    """Put an emoji to a message."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


class RemoveReaction(CommandData, frozen=True, kw_only=True, tag="reaction:remove"):
    """Take one's emoji away again."""

    conversation_id: Uuid
    message_id: Uuid
    emoji: Emoji
    client_key: Key | None = None


MessageCommand = SendMessage | ForwardMessage | EditMessage | DeleteMessage | AddReaction | RemoveReaction
