"""What the edge must know of messages to decide: read from the read model, proved by its checkpoints."""

from typing import Protocol

from core.domain import message


class Messages(Protocol):
    """Messages as the read model has them.

    `prove` returns when the read model has passed everything that was in the log about this conversation's messages
    at the time of the call; it raises `NotReady` (core.ports.memberships) after 2 s. All raise `Unavailable` when a
    server is down.
    """

    async def state(self, message_id: str) -> message.State:
        """The message, `Absent` when the read model does not have it (yet)."""
        ...

    async def sent(self, message_id: str) -> tuple[str, str | None] | None:
        """What a message said when it was sent, `(text, reply_to)`, whatever became of it."""
        ...

    async def head(self, conversation_id: str) -> int:
        """The number of the conversation's last message, 0 when it has none."""
        ...

    async def prove(self, conversation_id: str) -> None:
        """Catch up with the log as it is now."""
        ...
