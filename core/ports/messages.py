"""Messages gives the message data that decisions need: from the read model, re-checked by its checkpoints."""

from collections.abc import Iterable
from typing import Protocol

from core.domain import message, reaction
from core.domain.content import Content


class Messages(Protocol):
    """The messages in the read model.

    `prove` returns when the read model has passed every record about this conversation's messages that was in the log
    at the time of the call, `prove_head` when it has passed every message sent to it; they raise `NotReady`
    (core.ports.memberships) after 2 s. All raise `Unavailable` if a server is down.
    """

    @property
    def life(self) -> int:
        """The life of the store that these are read from (core.ports.documents)."""
        ...

    async def state(self, message_id: str) -> message.State:
        """Return the message with its number, `Absent` if the read model does not have it (yet)."""
        ...

    async def deleted(self, message_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these messages were deleted for everyone."""
        ...

    async def target(self, message_id: str) -> reaction.Target:
        """Return the message with its reactions, for deciding a reaction."""
        ...

    async def sent(self, message_id: str) -> Content | None:
        """Return the content of a message when it was sent, even if deleted since; None if unknown."""
        ...

    async def changed(self, message_id: str, event_id: str) -> Content | None:
        """Return the content that the edit or the deletion with this id gives a message, whether it applied or not;
        None if it is unknown or unreadable.
        """
        ...

    async def head(self, conversation_id: str) -> int:
        """Return the number of the conversation's last message, 0 if it has none."""
        ...

    async def prove(self, conversation_id: str, *, with_reactions: bool = False) -> None:
        """Wait until the read model has caught up with the log's current end; with the reactions only on request."""
        ...

    async def prove_head(self, conversation_id: str) -> None:
        """Wait until `head` counts every message that is in the log now."""
        ...


async def head_for(messages: Messages, conversation_id: str, seq: int) -> int:
    """Return the number of the conversation's last message for a user who says that they have message `seq`. A smaller
    head is re-checked first: else their `seq` would be cut to it permanently. Raises `NotReady` and `Unavailable`.
    """
    head = await messages.head(conversation_id)
    if head < seq:
        await messages.prove_head(conversation_id)
        head = await messages.head(conversation_id)
    return head
