"""Events of one user's own view of a conversation: topic `user.action`, keyed by the user."""

from schemas.events.event_base import Count, EventBase


class CursorMoved(EventBase, frozen=True, kw_only=True, tag="caas.user.cursor-moved.v1"):
    """A user has read a conversation up to message `seq`; if `private`, no other member is notified.

    With `thread`, the id of its root message, only the answers in that thread are read up to there, always privately.
    """

    user_id: str
    conversation_id: str
    seq: Count
    private: bool = False
    thread: str | None = None


class ConversationMuted(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-muted.v1"):
    """A user muted a conversation until a time, or permanently; or unmuted it (`on` is false)."""

    user_id: str
    conversation_id: str
    on: bool
    until: str | None = None


class ConversationArchived(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-archived.v1"):
    """A user archived a conversation, or unarchived it (`on` is false).

    `seq` is its last message at that time; later messages unarchive it: the user's own, and without `keep_archived`
    those of others while it is not muted. Without `seq` it stays archived until it is unarchived by the user.
    """

    user_id: str
    conversation_id: str
    on: bool
    seq: Count | None = None
    keep_archived: bool = False


class ConversationPinned(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-pinned.v1"):
    """A user pinned a conversation to the top of their list, or unpinned it (`on` is false)."""

    user_id: str
    conversation_id: str
    on: bool


class MessageHidden(EventBase, frozen=True, kw_only=True, tag="caas.user.message-hidden.v1"):
    """A user deleted a message for themselves alone; `seq` is its number, 0 in events without it."""

    user_id: str
    conversation_id: str
    message_id: str
    seq: Count = 0


InboxEvent = CursorMoved | ConversationMuted | ConversationArchived | ConversationPinned | MessageHidden
