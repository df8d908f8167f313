"""PresencePublisher publishes the status of one node's users: at most once a second each, offline only after a while.

All of it is best effort. While the presence server is down nothing is published; when it is back the node enters all
users again under a new name, so that a user who left meanwhile does not stay online.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from core.clock import Clock
from core.domain.presence import ONLINE, combined
from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.presence_store import PresenceStore
from edge.socket.keyed_timers import KeyedTimers
from edge.socket.session.client_session import ClientSession
from projections.inbox.inbox_rows import key_of
from schemas.commands.signals import Status

logger: Final = logging.getLogger("caas.presence")
MIN_INTERVAL_S: Final = 1.0
"""Minimum interval between two changes of one user."""
GRACE_S: Final = 5.0
"""Time without a session after which a user is offline: a connection that breaks and comes back is not published."""
RETURN_DELAY_S: Final = 1.0
"""Delay of the online status of a user who comes back within the grace time: they may set another one first."""
BATCH_SIZE: Final = 250
RETRY_INTERVAL_S: Final = 1.0
REFRESH_INTERVAL_S: Final = 86_400.0
"""Interval after which all users are entered again: the server keeps no entry permanently."""

OnPublished = Callable[[list[str]], Awaitable[None]]
"""Called after changes of these users were published."""


@dataclass(slots=True, eq=False)
class _User:
    """A user's sessions here; `published` is the status that the server has.

    `published_at` is the time of the last change and `gone_at` when they are offline unless a session opens, both on
    the loop's clock.
    """

    sessions: dict[ClientSession, Status] = field(default_factory=dict)
    published: str | None = None
    published_at: float = float("-inf")
    gone_at: float = float("-inf")
    last_seen: str = ""


class PresencePublisher:
    """Publishes the users of one node under its current `name`; `send_heartbeats` and `publish_changes` run as long as
    the node. `down`: the server could not be reached at the last try, at most a second ago.
    """

    def __init__(
        self, people: PresenceStore, node: str, ttl_s: float, *, clock: Clock, health: Health, new_id: Callable[[], str]
    ) -> None:
        self.down = False
        self._people = people
        self._node = node
        self.name = f"{node}:{new_id()}"
        self._ttl_s = ttl_s
        self._clock = clock
        self._health = health
        self._new_id = new_id
        self._users: dict[str, _User] = {}
        self._timers: KeyedTimers[str] = KeyedTimers()
        self._lock = asyncio.Lock()
        self._outage = Outage("presence: people")
        self._went_down = asyncio.Event()
        self._entered_at = 0.0

    # Sessions

    def session_opened(self, client: ClientSession) -> None:
        """Add a session, online until it sets another status."""
        key = key_of(client.identity.tenant, client.identity.user_id)
        user = self._users.setdefault(key, _User())
        user.sessions[client] = ONLINE
        self._due(key, user, 0.0 if user.published is None else RETURN_DELAY_S)

    def session_closed(self, client: ClientSession) -> None:
        """Remove a session; one that was never added changes nothing."""
        key = key_of(client.identity.tenant, client.identity.user_id)
        user = self._users.get(key)
        if user is None or user.sessions.pop(client, None) is None:
            return
        user.gone_at = asyncio.get_running_loop().time() + GRACE_S
        user.last_seen = self._clock.now()
        self._due(key, user, GRACE_S)

    def set_status(self, client: ClientSession, status: Status) -> None:
        """Set the status of a session; do nothing if it is over."""
        key = key_of(client.identity.tenant, client.identity.user_id)
        user = self._users.get(key)
        if user is not None and client in user.sessions:
            user.sessions[client] = status
            self._due(key, user, 0.0)

    def _due(self, key: str, user: _User, wait_s: float) -> None:
        now = asyncio.get_running_loop().time()
        self._timers.at(key, max(now + wait_s, user.published_at + MIN_INTERVAL_S))

    def statuses(self, key: str) -> frozenset[str]:
        """Return the current statuses of a user's sessions on this node."""
        user = self._users.get(key)
        return frozenset(user.sessions.values()) if user is not None else frozenset()

    # Publishing

    async def publish_changes(self, published: OnPublished) -> None:
        """Publish changes until it is cancelled."""
        while True:
            changed = self._changed(await self._timers.due())
            keys = list(changed)
            for start in range(0, len(keys), BATCH_SIZE):
                some = {key: changed[key] for key in keys[start : start + BATCH_SIZE]}
                if await self._publish(some):
                    await published(list(some))

    def _changed(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Return the status of those of these users for whom the server has another one; None: offline."""
        now, changed = asyncio.get_running_loop().time(), dict[str, str | None]()
        for key in keys:
            user = self._users.get(key)
            if user is None:
                continue
            if not user.sessions and now < user.gone_at and not self.down:
                self._timers.at(key, user.gone_at)
            elif (status := _status(user)) != user.published:
                changed[key], user.published_at = status, now
            elif status is None:
                del self._users[key]
        return changed

    async def _publish(self, changed: dict[str, str | None]) -> bool:
        """Publish these statuses. Return whether the server accepted them."""
        statuses = {key: status for key, status in changed.items() if status is not None}
        gone = {key: self._users[key].last_seen for key, status in changed.items() if status is None}
        try:
            async with self._lock:
                if not self.down:
                    await self._people.enter(self.name, statuses, self._clock.now())
                    await self._people.leave(self.name, gone)
        except Unavailable as error:
            self._lost(error)
        for key, status in changed.items():
            if status is None or not self.down:  # users with sessions are entered when it is back
                self._note_published(key, status)
        return not self.down

    def _note_published(self, key: str, status: str | None) -> None:
        user = self._users[key]
        user.published = status
        if not user.sessions and status is None:
            del self._users[key]

    # Heartbeats

    async def send_heartbeats(self) -> None:
        """Send heartbeats, three within the TTL, until it is cancelled."""
        while True:
            await self.heartbeat()
            self._went_down.clear()
            try:
                async with asyncio.timeout(min(RETRY_INTERVAL_S, self._ttl_s / 3) if self.down else self._ttl_s / 3):
                    await self._went_down.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(RETRY_INTERVAL_S)

    async def heartbeat(self) -> None:
        """Send one heartbeat, and enter all users again if the server has lost them."""
        try:
            async with self._lock:
                await self._heartbeat()
        except Unavailable as error:
            self._lost(error)

    async def _heartbeat(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.down:
            await self._people.forget(self.name, self._clock.now())
            self.name = f"{self._node}:{self._new_id()}"
        known = await self._people.alive(self.name, self._clock.now(), self._ttl_s)
        if not known or now - self._entered_at > REFRESH_INTERVAL_S:
            await self._enter_all()
            self._entered_at = now
        self.down = False
        self._outage.ends()

    async def _enter_all(self) -> None:
        held = list(self._users.items())
        for start in range(0, len(held), BATCH_SIZE):
            some = {key: user for key, user in held[start : start + BATCH_SIZE] if user.sessions}
            statuses = {key: combined(user.sessions.values()) for key, user in some.items()}
            await self._people.enter(self.name, statuses, self._clock.now())
            for key, user in some.items():
                self._note_entered(key, user, statuses[key])

    def _note_entered(self, key: str, user: _User, status: str) -> None:
        """Plan the leave of a user whose last session closed meanwhile, even if their record is removed already."""
        user.published = status
        self._users.setdefault(key, user)
        if not user.sessions:
            self._due(key, user, 0.0)

    async def forget(self) -> None:
        """Remove this node, which stops: its users are offline at the next read."""
        try:
            await self._people.forget(self.name, self._clock.now())
        except Unavailable as error:
            logger.warning("our users are not removed from presence yet, they will expire: %s", error)

    def _lost(self, error: Unavailable) -> None:
        self._outage.begins(error)
        if not self.down:
            for user in self._users.values():
                user.published = None
        self.down = True
        self._health.count("presence_lost")
        self._went_down.set()


def _status(user: _User) -> str | None:
    return combined(user.sessions.values()) if user.sessions else None
