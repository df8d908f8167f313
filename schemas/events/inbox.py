"""What happened to what one user keeps for themselves: topic `user.action`, keyed by the user."""

from schemas.events.event_base import Count, EventBase


class CursorMoved(EventBase, frozen=True, kw_only=True, tag="caas.user.cursor-moved.v1"):
    """A user has read a conversation up to message `seq`; nobody is told of it where it is `private`.

    Of a thread, named by the message that began it, only the answers in it are read up to there, always privately.
    """

    user_id: str
    conversation_id: str
    seq: Count
    private: bool = False
    thread: str | None = None


class ConversationMuted(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-muted.v1"):
    """A user wants to hear no more of a conversation until then, or for good; or again (`on` is false)."""

    user_id: str
    conversation_id: str
    on: bool
    until: str | None = None


class ConversationArchived(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-archived.v1"):
    """A user put a conversation away, or back (`on` is false).

    `seq` is the last message of it by then, and what is said later brings it back: what the user says, and unless they
    `keep_archived`, what others say while it is not muted. Without `seq` it stays until it is put back.
    """

    user_id: str
    conversation_id: str
    on: bool
    seq: Count | None = None
    keep_archived: bool = False


class ConversationPinned(EventBase, frozen=True, kw_only=True, tag="caas.user.conversation-pinned.v1"):
    """A user wants a conversation at the top of their list, or no longer (`on` is false)."""

    user_id: str
    conversation_id: str
    on: bool


class MessageHidden(EventBase, frozen=True, kw_only=True, tag="caas.user.message-hidden.v1"):
    """A user deleted a message for themselves alone; `seq` is its number, 0 in events that do not tell it."""

    user_id: str
    conversation_id: str
    message_id: str
    seq: Count = 0


InboxEvent = CursorMoved | ConversationMuted | ConversationArchived | ConversationPinned | MessageHidden
