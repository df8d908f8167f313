"""What happened to messages: sent, edited, deleted, delivered, rejected, reacted to."""

from typing import Any, Literal

import msgspec

from schemas.events.event_base import Count, EventBase

Stage = Literal["persisted", "delivered", "read"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the media service, `media_id`, and what its sender says of it; `size` is in bytes."""

    media_id: str
    name: str | None = None
    content_type: str | None = None
    size: Count | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was forwarded: where it stood, who said it and when."""

    conversation_id: str
    message_id: str
    sender: str
    at: str


class MessageSent(EventBase, frozen=True, kw_only=True, tag="caas.message.sent.v1"):
    """A message entered its conversation. `conversation_n` is the conversation's lane number it was decided on.

    `text` is empty where it has none: a message may be attachments alone, or `ciphertext`, which only its readers can
    open. `thread_root` is the message that began the thread it answers in. `mentions` are the members it names.
    `forwarded_from` has where it comes from, the first origin first.
    """

    conversation_id: str
    message_id: str
    sender: str
    client_msg_id: str
    text: str
    conversation_n: Count
    reply_to: str | None = None
    thread_root: str | None = None
    mentions: list[str] = []
    attachments: list[Attachment] = []
    ciphertext: str | None = None
    metadata: dict[str, Any] | None = None
    forwarded_from: list[Origin] = []


class MessageEdited(EventBase, frozen=True, kw_only=True, tag="caas.message.edited.v1"):
    """A message's text was replaced, or taken away (it is empty); every version is kept. `seq` is its number, or 0."""

    conversation_id: str
    message_id: str
    editor: str
    text: str
    mentions: list[str] = []
    ciphertext: str | None = None
    seq: Count = 0


class MessageDeleted(EventBase, frozen=True, kw_only=True, tag="caas.message.deleted.v1"):
    """A message was withdrawn for everyone."""

    conversation_id: str
    message_id: str
    deleted_by: str


class MessageDelivered(EventBase, frozen=True, kw_only=True, tag="caas.message.delivered.v1"):
    """A stage a message or a change of it reached, for its sender; `applied` is false where the fold ignored it.

    `delivered` and `read` say of the member `by`, and of one `device` of theirs, that all up to `seq` reached them:
    then `message_id` and `sender` are empty.
    """

    conversation_id: str
    message_id: str
    sender: str
    seq: Count
    stage: Stage
    lane: str = "sent"
    applied: bool = True
    by: str = ""
    device: str = ""


class MessageRejected(EventBase, frozen=True, kw_only=True, tag="caas.message.rejected.v1"):
    """A command that was refused: what it was about and why, never its content."""

    user_id: str
    command: str
    code: str
    conversation_id: str | None = None
    message_id: str | None = None


class Reacted(EventBase, frozen=True, kw_only=True, tag="caas.user.reacted.v1"):
    """A member put an emoji to a message, or took it away again (`on` is false).

    `per_member`: decided under the limits of a member. Without it those apply that a message once had.
    """

    conversation_id: str
    message_id: str
    user_id: str
    emoji: str
    on: bool
    per_member: bool = False


MessageEvent = MessageSent | MessageEdited | MessageDeleted | Reacted
