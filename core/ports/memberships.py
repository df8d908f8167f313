"""Memberships is a node's view of conversations: loaded from the read model at the start, updated from the log."""

from collections.abc import Callable
from typing import Protocol

from core.domain.conversation import Conversation
from schemas.events import ConversationEvent

OnChange = Callable[[ConversationEvent, Conversation], None]
"""Takes an event that was folded, and its conversation after it."""


class Memberships(Protocol):
    """The members of conversations, as far as this process has read the log.

    `fresh` is false while the view is known to be more than 5 s behind: no decision may use it then. `get` returns at
    once. `prove` returns when every record about this conversation (None: about any) that was in the log at the time of
    the call has been read, `pass_by` when the record at a position of its partition has been read; they raise
    `NotReady` after 2 s, `prove` raises `Unavailable` if the log is down.
    """

    def subscribe(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback` after each event of the log that is folded from now on, in order and before anything else
        runs. Return what ends that; it may be called again.
        """
        ...

    @property
    def fresh(self) -> bool:
        """Whether decisions may use the view."""
        ...

    def get(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, None if this view does not have it."""
        ...

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return the conversations that this user has ever been in."""
        ...

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        """Return the conversations that this user is a member of now."""
        ...

    def count_of_user(self, tenant: str, user_id: str) -> int:
        """Return how many conversations this user is a member of now."""
        ...

    async def prove(self, conversation_id: str | None) -> None:
        """Wait until the view has caught up with the log's current end."""
        ...

    async def pass_by(self, conversation_id: str, position: int) -> None:
        """Wait until the view has read the record of the conversation at this position."""
        ...

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of a conversation has change `n`. Return whether it has."""
        ...


class NotReady(Exception):
    """A view did not catch up in time: a rejection cannot be re-checked."""
