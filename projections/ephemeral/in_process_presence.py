"""Implements the presence store for a system in one process; users who left longest ago are dropped."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from core.ports.presence_store import PresenceRecord

MAX_USERS: Final = 100_000
"""Maximum number of users kept; beyond it offline users are dropped who were entered or left longest ago."""


@dataclass(slots=True)
class _User:
    """A user's status by node, and when the user was last seen."""

    statuses: dict[str, str] = field(default_factory=dict)
    seen: str | None = None

    def last_seen(self, at: str | None) -> None:
        """Set when the user was last seen; an earlier time changes nothing."""
        if at is not None and (self.seen is None or at > self.seen):
            self.seen = at


class InProcessPresenceStore:
    """The port `PresenceStore` within one event loop; time is the loop's."""

    def __init__(self, max_users: int = MAX_USERS) -> None:
        self._max_users = max_users
        self._alive_until: dict[str, float] = {}
        self._alive_at: dict[str, str] = {}
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._typing: OrderedDict[str, float] = OrderedDict()

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""

    async def alive(self, node: str, now: str, ttl_s: float) -> bool:
        """Keep a node alive for `ttl_s` more seconds; return whether it was known before."""
        await asyncio.sleep(0)
        known = self._is_alive(node)
        self._alive_until[node] = asyncio.get_running_loop().time() + ttl_s
        self._alive_at[node] = now
        return known

    async def enter(self, node: str, statuses: Mapping[str, str], now: str) -> None:
        """Enter these users at this node, each with a status."""
        await asyncio.sleep(0)
        for key, status in statuses.items():
            user = self._touched(key)
            user.statuses[node] = status
            user.last_seen(now)
        self._evict()

    async def leave(self, node: str, seen: Mapping[str, str]) -> None:
        """Remove these users from this node, with the time when each was last seen."""
        await asyncio.sleep(0)
        for key, at in seen.items():
            user = self._touched(key)
            user.statuses.pop(node, None)
            user.last_seen(at)
        self._evict()

    async def find(self, people: Sequence[str]) -> Mapping[str, PresenceRecord]:
        """Return the record of each of these users."""
        await asyncio.sleep(0)
        return {key: self._record(key) for key in people}

    async def forget(self, node: str, now: str) -> None:
        """Remove a node: its users were last seen now."""
        await asyncio.sleep(0)
        self._alive_until.pop(node, None)
        self._alive_at[node] = now

    async def typing(
        self, began: Collection[str], ended: Collection[str], *, again_s: float, ttl_s: float
    ) -> frozenset[str]:
        """Return the typists whose beginning or end must be announced."""
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        self._expire_typing(now)
        news = {key for key in began if self._typing.get(key, now) - now <= ttl_s - again_s}
        for key in began:
            if key in news:
                self._typing[key] = now + ttl_s
                self._typing.move_to_end(key)
        return frozenset(news | {key for key in ended if self._typing.pop(key, None) is not None})

    def _expire_typing(self, now: float) -> None:
        """Drop the expired ones. All have the same TTL, so they are in the order of their expiry."""
        for key, until in list(self._typing.items()):
            if until > now:
                return
            del self._typing[key]

    def _record(self, key: str) -> PresenceRecord:
        user = self._users.get(key)
        if user is None:
            return PresenceRecord({}, None)
        for node in [node for node in user.statuses if not self._is_alive(node)]:
            del user.statuses[node]
            user.last_seen(self._alive_at.get(node))
        return PresenceRecord(dict(user.statuses), user.seen)

    def _touched(self, key: str) -> _User:
        user = self._users.setdefault(key, _User())
        self._users.move_to_end(key)
        return user

    def _evict(self) -> None:
        """Drop offline users beyond the maximum; online users are kept, since their sessions bound their number."""
        over = len(self._users) - self._max_users
        for key in list(islice(self._users, max(0, over))):
            if not self._record(key).statuses:
                del self._users[key]

    def _is_alive(self, node: str) -> bool:
        return self._alive_until.get(node, float("-inf")) > asyncio.get_running_loop().time()
