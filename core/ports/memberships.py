"""A node's own view of conversations: the read model as it was at the start, and what the log has told since."""

from collections.abc import Callable
from typing import Protocol

from core.domain.conversation import Conversation
from schemas.events import ConversationEvent


class Memberships(Protocol):
    """Who is in what, as far as this process has read.

    `fresh` is false while the view is known to be more than 5 s behind: it must not be decided on then. `get` answers
    at once. `prove` returns when everything that was in the log at the time of the call about this conversation, or
    where none is named about any, has been read, `pass_by` when the record at a position of its partition has been;
    they raise `NotReady` after 2 s, `prove` raises `Unavailable` when the log is down. `on_change` is called after each
    event from the log was folded, before anything else runs.
    """

    on_change: Callable[[ConversationEvent, Conversation], None] | None

    @property
    def fresh(self) -> bool:
        """Whether the view may be decided on."""
        ...

    def get(self, conversation_id: str) -> Conversation | None:
        """The conversation, if it has begun as far as we know."""
        ...

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """The conversations this user has ever been in."""
        ...

    async def prove(self, conversation_id: str | None) -> None:
        """Catch up with the log as it is now."""
        ...

    async def pass_by(self, conversation_id: str, position: int) -> None:
        """Catch up with a record of the conversation that lies at this position."""
        ...

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of a conversation is as new as `n`; whether it is."""
        ...


class NotReady(Exception):
    """A view did not catch up in time: a no cannot be proved."""
