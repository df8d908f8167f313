# Generated from schemas/wire/answers.py by `python -m schemas.export`: do not edit.
"""The answers to accepted commands and to queries: the data of an `ack` or `synced`."""

from typing import Literal

import msgspec

from ..wire.frames import Lane
from ..wire.views import ConversationView, MessageView, PresenceView, VersionView

Level = Literal["accepted", "persisted", "delivered", "read"]
"""Stage that a command reached: `accepted` is in the log, `persisted` in the read model, `delivered` on a device of
another user, `read` by them.
"""


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """The user of the connection, and how long the token is valid, in seconds."""

    user_id: str
    expires_in: int


class MessageAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The message that a command sent, edited or deleted; `persisted` also if nothing had to be appended."""

    message_id: str
    level: Level


class MessageFound(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it is now, its versions, the oldest first, and whether more exist than fit into an answer.

    A deleted message has none.
    """

    message: MessageView
    versions: list[VersionView]
    more: bool


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by `seq`, ascending, and whether the user may read more before and after these."""

    messages: list[MessageView]
    more_before: bool
    more_after: bool


class ThreadFound(msgspec.Struct, frozen=True, kw_only=True):
    """The root message of a thread, answers to it by `seq`, ascending, and whether there are more after these.

    `root` is null if the user joined after it or it is too large to fit beside an answer. `read` is the user's cursor
    in the thread, `unread` the number of answers after it, at most `UNREAD_COUNTED`.
    """

    root: MessageView | None
    messages: list[MessageView]
    more_after: bool
    read: int
    unread: int


class ConversationAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation that a command opened or changed."""

    conversation_id: str
    level: Level


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over all pages: the conversations asked for, the unread messages in them, the conversations that have
    unread messages, and the unread messages that mention the user.
    """

    conversations: int
    unread: int = 0
    unread_conversations: int = 0
    mentions: int = 0


class Conversations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the user's conversations; `after` is the cursor of the next page, null if there is none. `totals` are
    there only if they were asked for.
    """

    conversations: list[ConversationView]
    after: str | None
    totals: Totals | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that contain the words, newest first; `after` is the cursor of the next page, null if there is none.

    A page may have fewer messages than were asked for, or none, although more exist.
    """

    messages: list[MessageView]
    after: str | None


class Presences(msgspec.Struct, frozen=True, kw_only=True):
    """The presence of these users."""

    presences: list[PresenceView]


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a sync: the client's new positions; if it is not `complete`, the client syncs again from there.

    `user` is the position in the user's own lane, if that was asked for. The client must drop what `reset` names and
    sync it again without positions: its positions are beyond the lanes' heads, as after a restore. `user` in `reset` is
    the user's own lane.
    """

    complete: bool
    positions: dict[str, dict[Lane, int]]
    user: int | None = None
    reset: list[str] = []


Answer = (
    MessageAccepted
    | MessageFound
    | Messages
    | ThreadFound
    | ConversationAccepted
    | ConversationView
    | Conversations
    | PresenceView
    | Presences
    | Found
    | Synced
)
