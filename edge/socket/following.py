"""What the hub asks of a view of memberships beyond the port: to be told of changes, and to wait for them."""

from collections.abc import Callable
from typing import Protocol

from core.domain.conversation import Conversation
from core.ports.memberships import Memberships
from schemas.events import ConversationEvent


class Following(Memberships, Protocol):
    """A view that follows the log. `on_change` is called after each event was folded, before anything else runs."""

    on_change: Callable[[ConversationEvent, Conversation], None] | None

    @property
    def fresh(self) -> bool:
        """Whether it is at most five seconds behind the log."""
        ...

    async def wait_for(self, conversation_id: str, n: int, timeout_s: float = 1.0) -> bool:
        """Wait until the view of a conversation is as new as `n`; whether it is."""
        ...
