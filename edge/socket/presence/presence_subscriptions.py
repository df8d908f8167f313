"""PresenceSubscriptions keeps which sessions of a node subscribe to which users, and the last sent statuses; no I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.ports.event_log import Unavailable
from edge.socket.session.client_session import ClientSession
from projections.inbox.inbox_rows import key_of

MAX_SUBSCRIPTIONS: Final = 1_000_000
"""Maximum number of subscriptions on one node, a user counted once for each session that subscribes to them."""
HIDDEN: Final = ""
"""The last sent status for a session that may not see the user."""


@dataclass(slots=True, eq=False)
class PresenceSubscription:
    """One user, and the status last sent to each session that subscribes to them.

    While it is pinned it stays without a session. `registered`: other nodes know that we want hints about the user;
    `read`: when their status was last read, on the loop's clock.
    """

    key: str
    tenant: str
    user_id: str
    sent: dict[ClientSession, str] = field(default_factory=dict)
    pins: int = 0
    registered: bool = False
    read: float = float("-inf")


class PresenceSubscriptions:
    """The subscriptions of one node, by the user's key."""

    def __init__(self, limit: int = MAX_SUBSCRIPTIONS) -> None:
        self._limit = limit
        self._subscriptions: dict[str, PresenceSubscription] = {}
        self._of_session: dict[ClientSession, tuple[PresenceSubscription, ...]] = {}
        self._count = 0
        self._unwatched: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._subscriptions)

    def __iter__(self) -> Iterator[PresenceSubscription]:
        return iter(self._subscriptions.values())

    def get(self, key: str) -> PresenceSubscription | None:
        """Return the subscription to a user, if a session has one."""
        return self._subscriptions.get(key)

    def pin(self, client: ClientSession, users: Iterable[str]) -> list[PresenceSubscription]:
        """Return the subscriptions to these users, kept until `unpin`. Raises `Unavailable` if there is no room."""
        tenant, users = client.identity.tenant, dict.fromkeys(users)
        if self._count - len(self._of_session.get(client, ())) + len(users) > self._limit:
            raise Unavailable("this node watches as many people as it can")
        pinned = [self._pinned(key_of(tenant, user), tenant, user) for user in users]
        for subscription in pinned:
            subscription.pins += 1
        return pinned

    def _pinned(self, key: str, tenant: str, user_id: str) -> PresenceSubscription:
        subscription = self._subscriptions.get(key)
        if subscription is None:
            subscription = self._subscriptions[key] = PresenceSubscription(key, tenant, user_id)
        return subscription

    def unpin(self, pinned: Sequence[PresenceSubscription]) -> None:
        """Release pinned subscriptions; those without a session are removed."""
        for subscription in pinned:
            subscription.pins -= 1
            self._close_empty(subscription)

    def replace(
        self, client: ClientSession, subscriptions: Sequence[PresenceSubscription], sent: Sequence[str]
    ) -> None:
        """Replace the subscriptions of a session by these, and note the status that it was sent of each."""
        self.remove(client)
        for subscription, status in zip(subscriptions, sent, strict=True):
            subscription.sent[client] = status
        if subscriptions:
            self._of_session[client] = tuple(subscriptions)
            self._count += len(subscriptions)

    def remove(self, client: ClientSession) -> None:
        """Remove all subscriptions of a session."""
        watched = self._of_session.pop(client, ())
        self._count -= len(watched)
        for subscription in watched:
            del subscription.sent[client]
            self._close_empty(subscription)

    def _close_empty(self, subscription: PresenceSubscription) -> None:
        if (
            not subscription.sent
            and not subscription.pins
            and self._subscriptions.pop(subscription.key, None) is not None
        ):
            self._unwatched[subscription.key] = None

    def take_unwatched(self) -> list[str]:
        """Return the users that have lost their last subscription here since the last call."""
        unwatched = [key for key in self._unwatched if key not in self._subscriptions]
        self._unwatched.clear()
        return unwatched
