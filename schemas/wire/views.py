"""What a client sees of a row: the same shape in pushes, sync and answers."""

from typing import Any

import msgspec

from schemas.events import Attachment, Origin


class ReactionView(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji and everyone who put it there, in the order in which they did."""

    emoji: str
    users: list[str]


class ThreadView(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages answer one, or an answer to it, deleted ones too; `last_seq` is the number of the newest."""

    count: int
    last_seq: int


class MessageView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as it now is. `text` is null when there is none: it was deleted, cannot be read, has attachments
    alone, or is a `ciphertext`. From `thread_root` on a field is there only where it says something. `thread` is there
    in answers alone, of a message that began one.
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
    """All that is on one message now; nothing of a deleted one."""

    conversation_id: str
    message_id: str
    seq: int
    reactions: list[ReactionView]


class VersionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message said from `at` on, by whom; the first version is what was sent."""

    at: str
    by: str
    text: str | None
    mentions: list[str] = []
    ciphertext: str | None = None


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """One participant: role, whether in it now, and the stays `[from_seq, until_seq or null]`, the newest 100.

    `read_seq` and `delivered_seq` are their public cursors, null of whoever is not in it now.
    """

    user_id: str
    role: str
    present: bool
    intervals: list[tuple[int, int | None]]
    read_seq: int | None = None
    delivered_seq: int | None = None


class CursorView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a member has read, and has got, what is theirs to read; 0 where they said nothing of it."""

    user_id: str
    read_seq: int
    delivered_seq: int


class CursorsView(msgspec.Struct, frozen=True, kw_only=True):
    """The cursors of one conversation that moved, each as it now is."""

    conversation_id: str
    cursors: list[CursorView]


class InboxView(msgspec.Struct, frozen=True, kw_only=True):
    """How one user has a conversation: read up to message `read`, muted for good or until a time, put away.

    Put away with message `archived_seq` as the last, what is said later brings it back: what others say not while it is
    muted, nor where the user wants to `keep_archived`. `pinned` is the number of the pin in the user's lane: those with
    greater ones stand before others in their list, and before those without. `hidden` is there in the push alone of a
    message that was deleted for this user. With a `thread`, named by the message that began it, it is how far that one
    is read, and nothing else of it is anything.
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
    """How somebody is there: `online`, `away` or `busy`, or `offline`; `last_seen` is null where that is not known."""

    user_id: str
    status: str
    last_seen: str | None


class TypingView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody writes in a conversation, or no longer does; that they do is over by itself after `ttl_ms`."""

    conversation_id: str
    user_id: str
    typing: bool
    ttl_ms: int


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation; `seq` is its last message's. `avatar` is a media id, `pins` are message ids, the oldest pin
    first. Of a direct one `other` is whom one talks to, oneself in a conversation with oneself.

    `metadata`, `pins` and `participants` are there only where one conversation was asked for, with `more` where there
    are more participants than these. Of one that was left there is nothing that may have changed since, and of its
    participants oneself. `history` is what whoever is let in reads: `joined`, or `all` from message
    `history_from` on.

    `inbox`, `unread`, `mentions` and `last_message` are the asking user's own: `unread` counts what came after all
    that they read or said, `mentions` the messages among these that name them, up to 100. Of one that was left there
    is none of it. `active_at` is there in a list alone: when something was said last, or when it was opened.
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
    """One change of a conversation: `change` is created, changed, participants-added, participants-removed,
    roles-changed, message-pinned or message-unpinned.

    It names what is otherwise than before and no more: nothing at all where the log had decided otherwise by then.
    `participants` are those who came, went or have another role, `roles` the roles of those who are in it; `changed`
    has those of `title`, `avatar` and `metadata` that are other now, `message_id` is what was pinned or unpinned,
    `freed` the pins of deleted messages that ended with a new one.
    `history` is what whoever is let in reads of what was said before, and `from_seq` the first message that those read
    who were let in, or will be where that is all.
    It is `unreadable` where the node cannot read the change, which has its number all the same.
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


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """What you did is in the read model; `applied` is false where the log had decided otherwise by then.

    `seq` is the message's, whatever the lane; in lane `conversation` there is none (`message_id` empty, `seq` 0).
    """

    conversation_id: str
    message_id: str
    seq: int
    stage: str
    lane: str
    applied: bool
