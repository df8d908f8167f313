"""Who of a node wants to know of whom, and what each was told last; bounded, and without any I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.ports.event_log import Unavailable
from edge.socket.session.client_session import ClientSession
from projections.inbox.inbox_rows import key_of

MOST: Final = 1_000_000
"""So many are watched on one node, each counted for every session that watches them."""
NOTHING: Final = ""
"""What a session was told that may not see somebody."""


@dataclass(slots=True, eq=False)
class PresenceSubscription:
    """One person, and the status that each session which watches them was told last.

    While it is pinned it stays though nobody watches. `entered` says that other nodes know that we want to hear of
    them, `read` when we last knew how they are, on the loop's clock.
    """

    key: str
    tenant: str
    user_id: str
    told: dict[ClientSession, str] = field(default_factory=dict)
    pins: int = 0
    entered: bool = False
    read: float = float("-inf")


class PresenceSubscriptions:
    """The watches of one node by the person's key."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._watches: dict[str, PresenceSubscription] = {}
        self._of: dict[ClientSession, tuple[PresenceSubscription, ...]] = {}
        self._count = 0
        self._left: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def __iter__(self) -> Iterator[PresenceSubscription]:
        return iter(self._watches.values())

    def get(self, key: str) -> PresenceSubscription | None:
        """The watch over a person, where somebody watches."""
        return self._watches.get(key)

    def pin(self, visit: ClientSession, users: Iterable[str]) -> list[PresenceSubscription]:
        """The watches over these people, which stay until `settle`. Raises `Unavailable` where there is no room."""
        tenant, users = visit.identity.tenant, dict.fromkeys(users)
        if self._count - len(self._of.get(visit, ())) + len(users) > self._most:
            raise Unavailable("this node watches as many people as it can")
        pinned = [self._pinned(key_of(tenant, user), tenant, user) for user in users]
        for watch in pinned:
            watch.pins += 1
        return pinned

    def _pinned(self, key: str, tenant: str, user_id: str) -> PresenceSubscription:
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = PresenceSubscription(key, tenant, user_id)
        return watch

    def settle(self, pinned: Sequence[PresenceSubscription]) -> None:
        """What was pinned stays where somebody watches it."""
        for watch in pinned:
            watch.pins -= 1
            self._close_empty(watch)

    def replace(self, visit: ClientSession, watches: Sequence[PresenceSubscription], told: Sequence[str]) -> None:
        """A session watches these from now on, in place of those before, and was told this of each."""
        self.drop(visit)
        for watch, status in zip(watches, told, strict=True):
            watch.told[visit] = status
        if watches:
            self._of[visit] = tuple(watches)
            self._count += len(watches)

    def drop(self, visit: ClientSession) -> None:
        """A session watches nobody any more."""
        watched = self._of.pop(visit, ())
        self._count -= len(watched)
        for watch in watched:
            del watch.told[visit]
            self._close_empty(watch)

    def _close_empty(self, watch: PresenceSubscription) -> None:
        if not watch.told and not watch.pins and self._watches.pop(watch.key, None) is not None:
            self._left[watch.key] = None

    def take_left(self) -> list[str]:
        """The people whom nobody here watches any more, since it was asked last."""
        left = [key for key in self._left if key not in self._watches]
        self._left.clear()
        return left
