"""Events of messages: sent, edited, deleted, delivered, rejected, reacted to."""

from typing import Any, Literal

import msgspec

from schemas.events.event_base import Count, EventBase

Stage = Literal["persisted", "delivered", "read"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of the media service, `media_id`, with the sender's description; `size` is in bytes."""

    media_id: str
    name: str | None = None
    content_type: str | None = None
    size: Count | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The origin of a forwarded message: its conversation, id, sender and time."""

    conversation_id: str
    message_id: str
    sender: str
    at: str


class MessageSent(EventBase, frozen=True, kw_only=True, tag="caas.message.sent.v1"):
    """A message was sent. `conversation_n` is the number in the lane `conversation` that it was decided on.

    `text` is empty if there is none: a message may be attachments alone, or `ciphertext`, which only its readers can
    decrypt. `thread_root` is the root message of the thread it answers in. `mentions` are the members it names.
    `forwarded_from` are its origins, the first one first.
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
    """A message's text was replaced, or removed (empty); every version is kept. `seq` is the message's number, or 0.

    `before` is the hash of the content that it was decided on (`core.audit.change_hashes`).
    """

    conversation_id: str
    message_id: str
    editor: str
    text: str
    mentions: list[str] = []
    ciphertext: str | None = None
    seq: Count = 0
    before: str | None = None


class MessageDeleted(EventBase, frozen=True, kw_only=True, tag="caas.message.deleted.v1"):
    """A message was deleted for everyone. `before` as in `MessageEdited`."""

    conversation_id: str
    message_id: str
    deleted_by: str
    before: str | None = None


class PersistedMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message, or a change of it in `lane`, that was saved, for its `sender`; `applied` is false if the fold ignored
    it.

    `event_id` and `correlation_id` are those of the event that was saved. They are empty in what version 1 named:
    there the record's headers have them.
    """

    message_id: str
    sender: str
    seq: Count
    event_id: str = ""
    correlation_id: str = ""
    lane: str = "sent"
    applied: bool = True


class MessageDelivered(EventBase, frozen=True, kw_only=True, tag="caas.message.delivered.v2"):
    """Messages of a conversation reached a stage, for their senders.

    The stage `persisted` names what was saved in `messages`, in order. The stages `delivered` and `read` mean that all
    messages up to `seq` reached the member `by`, on their `device`, and name none.
    """

    conversation_id: str
    stage: Stage
    messages: list[PersistedMessage] = []
    seq: Count = 0
    by: str = ""
    device: str = ""


class MessageRejected(EventBase, frozen=True, kw_only=True, tag="caas.message.rejected.v1"):
    """A command was rejected: what it concerned and why, never its content."""

    user_id: str
    command: str
    code: str
    conversation_id: str | None = None
    message_id: str | None = None


class Reacted(EventBase, frozen=True, kw_only=True, tag="caas.user.reacted.v1"):
    """A member added an emoji to a message, or removed it (`on` is false).

    `per_member`: decided under the limits per member. Without it the former limits per message apply.
    """

    conversation_id: str
    message_id: str
    user_id: str
    emoji: str
    on: bool
    per_member: bool = False


MessageEvent = MessageSent | MessageEdited | MessageDeleted | Reacted
