"""Inboxes gives the inbox data that decisions need: from the read model, re-checked against the log's end."""

from collections.abc import Collection
from typing import Protocol


class Inboxes(Protocol):
    """The users' inboxes in the read model.

    `prove` returns when the read model has passed every record of this user that was in the log at the time of the
    call; it raises `NotReady` (core.ports.memberships) after 2 s. All raise `Unavailable` if a server is down.
    """

    async def pinned(self, tenant: str, user_id: str) -> Collection[str]:
        """Return the conversations that a user pinned, including those that they have left."""
        ...

    async def prove(self, user_id: str) -> None:
        """Wait until the read model has caught up with the log's current end."""
        ...
