"""PresenceStore records which users are online and who is typing; its data may be lost without harm."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol


class PresenceRecord(NamedTuple):
    """The presence of a user: the status at each live node (node → status), and when they were last seen, if known.

    `seen` is RFC 3339, in UTC with milliseconds, like all times here: such texts sort in time order.
    """

    statuses: Mapping[str, str]
    seen: str | None


class PresenceStore(Protocol):
    """Records which users are online and who is typing. Users and typists are keys that the caller chooses.

    The entries of a node count while it calls `alive` within the TTL; the users of a node that died were last seen at
    its last call. A user is remembered for 30 days after they were entered or left. All raise `Unavailable` if the
    server is down. After the server lost its data `alive` returns False once: the node then enters everyone again.
    A call takes 1,000 users at most.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: its data may be lost."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def alive(self, node: str, now: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds. Return whether it was known before."""
        ...

    async def enter(self, node: str, statuses: Mapping[str, str], now: str) -> None:
        """Enter these users at this node, each with a status."""
        ...

    async def leave(self, node: str, seen: Mapping[str, str]) -> None:
        """Remove these users from this node; `seen` has when each was last seen."""
        ...

    async def find(self, people: Sequence[str]) -> Mapping[str, PresenceRecord]:
        """Return the presence of each of these users."""
        ...

    async def forget(self, node: str, now: str) -> None:
        """Remove a node that stops: its users were last seen now."""
        ...

    async def typing(
        self, began: Collection[str], ended: Collection[str], *, again_s: float, ttl_s: float
    ) -> frozenset[str]:
        """Return which of these must be reported: a typist who began, unless their beginning was reported within the
        last `again_s` seconds, and one who ended within `ttl_s` after their last reported beginning. A typist is in one
        of both; `again_s` is not more than `ttl_s`.
        """
        ...
