"""What the edge must know of what users keep for themselves to decide: read from the read model, proved likewise."""

from collections.abc import Collection
from typing import Protocol


class Inboxes(Protocol):
    """Inboxes as the read model has them.

    `prove` returns when the read model has passed everything that was in the log of this user at the time of the call;
    it raises `NotReady` (core.ports.memberships) after 2 s. All raise `Unavailable` when a server is down.
    """

    async def pinned(self, tenant: str, user_id: str) -> Collection[str]:
        """The conversations that a user pinned, also those that they are in no more."""
        ...

    async def prove(self, user_id: str) -> None:
        """Catch up with the log as it is now."""
        ...
