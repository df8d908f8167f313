"""The views of rows that clients receive: the same shape in pushes, sync and answers."""

from typing import Any

import msgspec

from schemas.events import Attachment, Origin


class ReactionView(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji and the users who added it, in that order."""

    emoji: str
    users: list[str]


class ThreadView(msgspec.Struct, frozen=True, kw_only=True):
    """The number of answers in a thread, direct or not, deleted ones too; `last_seq` is the number of the newest."""

    count: int
    last_seq: int


class MessageView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as it is now.

    `text` is null if there is none: the message was deleted, cannot be decoded, has attachments alone, or is a
    `ciphertext`. Fields from `thread_root` on are left out when they have their default value. `thread` is only in
    answers, for the root message of a thread.
    """

    conversation_id: str
    message_id: str
    seq: int
    sender: str
    text: str | None
    at: str
    client_msg_id: str
    reply_to: str | None
    edited: bool
    deleted: bool
    unreadable: bool
    thread_root: str | None = None
    mentions: list[str] = []
    attachments: list[Attachment] = []
    ciphertext: str | None = None
    metadata: dict[str, Any] | None = None
    forwarded_from: list[Origin] = []
    reactions: list[ReactionView] = []
    thread: ThreadView | None = None


class ReactionsView(msgspec.Struct, frozen=True, kw_only=True):
    """All current reactions to one message; none to a deleted one."""

    conversation_id: str
    message_id: str
    seq: int
    reactions: list[ReactionView]


class VersionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a message, valid from `at`, written by `by`; the first version is what was sent."""

    at: str
    by: str
    text: str | None
    mentions: list[str] = []
    ciphertext: str | None = None


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """One participant: role, whether in the conversation now, and membership intervals.

    `intervals` are `[from_seq, until_seq or null]`, the newest 100.
    `read_seq` and `delivered_seq` are their public cursors, null if they are not in it now.
    """

    user_id: str
    role: str
    present: bool
    intervals: list[tuple[int, int | None]]
    read_seq: int | None = None
    delivered_seq: int | None = None


class CursorView(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers up to which a member has read and received the messages they may read; 0 if never reported."""

    user_id: str
    read_seq: int
    delivered_seq: int


class CursorsView(msgspec.Struct, frozen=True, kw_only=True):
    """The cursors of one conversation that moved, each with its current value."""

    conversation_id: str
    cursors: list[CursorView]


class InboxView(msgspec.Struct, frozen=True, kw_only=True):
    """One user's view of a conversation: read up to message `read`, muted permanently or until a time, archived.

    `archived_seq` is the last message when it was archived. Later messages unarchive it, except those of others while
    it is muted or with `keep_archived`. `pinned` is the number of the pin in the user's lane: in their list greater
    ones come first, and before those without. `hidden` is only in the push of a message that was deleted for this user.
    With a `thread`, the id of its root message, it is the cursor in that thread, and no other field has a meaning.
    """

    conversation_id: str
    read: int
    muted: bool
    muted_until: str | None
    archived: bool
    archived_seq: int | None = None
    keep_archived: bool = False
    pinned: int | None = None
    hidden: str | None = None
    thread: str | None = None


class PresenceView(msgspec.Struct, frozen=True, kw_only=True):
    """The presence of a user: `online`, `away`, `busy` or `offline`; `last_seen` is null if not known."""

    user_id: str
    status: str
    last_seen: str | None


class TypingView(msgspec.Struct, frozen=True, kw_only=True):
    """A user is typing in a conversation, or has stopped; typing expires by itself after `ttl_ms`."""

    conversation_id: str
    user_id: str
    typing: bool
    ttl_ms: int


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation.

    `seq` is the number of its last message. `avatar` is a media id, `pins` are message ids, the oldest pin first. In a
    direct conversation `other` is the other user, or the user themselves in a conversation with themselves.

    `metadata`, `pins` and `participants` are there only if one conversation was asked for, and `more` says whether
    there are more participants. A conversation that the user is no longer in has no field that may have changed since,
    and of its participants only the user. `history` is what members added later may read: `joined`, or `all` from
    message `history_from` on.

    `inbox`, `unread`, `mentions` and `last_message` are the requesting user's own: `unread` counts the messages after
    the last one that they read or sent, `mentions` those among them that mention the user, up to 100. A conversation
    that they are no longer in has none of these. `active_at` is only in lists: the time of the last message, or of the
    creation.
    """

    conversation_id: str
    kind: str
    external_id: str | None
    title: str | None
    created_by: str
    created_at: str
    n: int
    seq: int
    avatar: str | None = None
    metadata: dict[str, Any] | None = None
    pins: list[str] | None = None
    participants: list[ParticipantView] | None = None
    more: bool | None = None
    inbox: InboxView | None = None
    unread: int | None = None
    mentions: int | None = None
    last_message: MessageView | None = None
    history: str | None = None
    history_from: int | None = None
    other: str | None = None
    active_at: str | None = None


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a conversation.

    `change` is created, changed, participants-added, participants-removed, roles-changed, message-pinned,
    message-unpinned, or `unreadable` if the node cannot decode the change, which has its number all the same.

    It has only what differs from before, and nothing if an earlier record in the log had made it void. `participants`
    are those who joined, left or have another role, `roles` the roles of those who are members; `changed` has those of
    `title`, `avatar` and `metadata` that differ, `message_id` is the message pinned or unpinned, `freed` the pins of
    deleted messages that ended with a new pin. `history` is what members added later may read of earlier messages, and
    `from_seq` the first message that the added members read, or with `all` those added later will.
    """

    conversation_id: str
    change: str
    actor: str
    at: str
    n: int
    participants: list[str] = []
    title: str | None = None
    external_id: str | None = None
    at_seq: int | None = None
    avatar: str | None = None
    metadata: dict[str, Any] | None = None
    changed: list[str] = []
    roles: dict[str, str] = {}
    message_id: str | None = None
    freed: list[str] = []
    history: str | None = None
    from_seq: int | None = None


class SlowDownView(msgspec.Struct, frozen=True, kw_only=True):
    """The node waits before it reads on from this connection, since read models are behind what the node accepted:
    `unpersisted` commands of all its users are not saved yet, `own` of them are this user's.
    """

    unpersisted: int
    own: int


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """A command's event is in the read model; `applied` is false if an earlier record in the log had made it void.

    `seq` is the message's in every lane but `conversation`, which has none (`message_id` empty, `seq` 0).
    """

    conversation_id: str
    message_id: str
    seq: int
    stage: str
    lane: str
    applied: bool
