"""What the edge must know of messages to decide: read from the read model, proved by its checkpoints."""

from collections.abc import Iterable
from typing import Protocol

from core.domain import message, reaction
from core.domain.content import Content


class Messages(Protocol):
    """Messages as the read model has them.

    `prove` returns when the read model has passed everything that was in the log about this conversation's messages
    at the time of the call, `prove_head` when it has passed all that was sent to it; they raise `NotReady`
    (core.ports.memberships) after 2 s. All raise `Unavailable` when a
    server is down.
    """

    @property
    def life(self) -> int:
        """The life of the store that all this is read from (core.ports.documents)."""
        ...

    async def state(self, message_id: str) -> message.State:
        """The message with its number, `Absent` when the read model does not have it (yet)."""
        ...

    async def deleted(self, message_ids: Iterable[str]) -> frozenset[str]:
        """Which of these messages were deleted for everyone, whatever else is known of them."""
        ...

    async def target(self, message_id: str) -> reaction.Target:
        """The message and what is on it, as a reaction finds it."""
        ...

    async def sent(self, message_id: str) -> Content | None:
        """What a message said when it was sent, whatever became of it; None where that is not known."""
        ...

    async def head(self, conversation_id: str) -> int:
        """The number of the conversation's last message, 0 when it has none."""
        ...

    async def prove(self, conversation_id: str, *, with_reactions: bool = False) -> None:
        """Catch up with the log as it is now; with what was put on the messages only where asked."""
        ...

    async def prove_head(self, conversation_id: str) -> None:
        """Catch up with what was sent, as the log has it now: `head` then counts every message in it."""
        ...


async def head_for(messages: Messages, conversation_id: str, seq: int) -> int:
    """The number of the conversation's last message for somebody who says that they have message `seq`: one that is
    less is proved, or what they have would be said to be less for good. Raises `NotReady` and `Unavailable`.
    """
    head = await messages.head(conversation_id)
    if head < seq:
        await messages.prove_head(conversation_id)
        head = await messages.head(conversation_id)
    return head
