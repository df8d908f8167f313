"""Who is there, in a system that lives in one process; what nobody asks for any more is let go of with time."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from core.ports.presence_store import PresenceRecord

PEOPLE: Final = 100_000
"""So many are remembered who are not there; then those are forgotten who were entered or left longest ago."""


@dataclass(slots=True)
class _Person:
    """How each node says they are there, and when they were last seen."""

    statuses: dict[str, str] = field(default_factory=dict)
    seen: str | None = None

    def last_seen(self, at: str | None) -> None:
        """They were seen then; an earlier time changes nothing."""
        if at is not None and (self.seen is None or at > self.seen):
            self.seen = at


class InProcessPresenceStore:
    """A People within one event loop; time is the loop's."""

    def __init__(self, remembered: int = PEOPLE) -> None:
        self._remembered = remembered
        self._alive_until: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._people: OrderedDict[str, _Person] = OrderedDict()
        self._typing: OrderedDict[str, float] = OrderedDict()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def alive(self, node: str, now: str, ttl_s: float) -> bool:
        """Say that a node lives, for `ttl_s` more seconds; whether it was known before."""
        await asyncio.sleep(0)
        known = self._lives(node)
        self._alive_until[node] = asyncio.get_running_loop().time() + ttl_s
        self._said[node] = now
        return known

    async def enter(self, node: str, statuses: Mapping[str, str], now: str) -> None:
        """These people are there at this node, each in this way."""
        await asyncio.sleep(0)
        for key, status in statuses.items():
            person = self._touched(key)
            person.statuses[node] = status
            person.last_seen(now)
        self._let_go()

    async def leave(self, node: str, seen: Mapping[str, str]) -> None:
        """These are no longer; each was last seen then."""
        await asyncio.sleep(0)
        for key, at in seen.items():
            person = self._touched(key)
            person.statuses.pop(node, None)
            person.last_seen(at)
        self._let_go()

    async def find(self, people: Sequence[str]) -> Mapping[str, PresenceRecord]:
        """How each of these is there."""
        await asyncio.sleep(0)
        return {key: self._there(key) for key in people}

    async def forget(self, node: str, now: str) -> None:
        """A node goes away: its people were last seen now."""
        await asyncio.sleep(0)
        self._alive_until.pop(node, None)
        self._said[node] = now

    async def typing(
        self, began: Collection[str], ended: Collection[str], *, again_s: float, ttl_s: float
    ) -> frozenset[str]:
        """Which of these is news."""
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        self._typing_until(now)
        news = {key for key in began if self._typing.get(key, now) - now <= ttl_s - again_s}
        for key in began:
            if key in news:
                self._typing[key] = now + ttl_s
                self._typing.move_to_end(key)
        return frozenset(news | {key for key in ended if self._typing.pop(key, None) is not None})

    def _typing_until(self, now: float) -> None:
        """Forget those whose time is over. All are kept as long, so they are in the order of their ends."""
        for key, until in list(self._typing.items()):
            if until > now:
                return
            del self._typing[key]

    def _there(self, key: str) -> PresenceRecord:
        person = self._people.get(key)
        if person is None:
            return PresenceRecord({}, None)
        for node in [node for node in person.statuses if not self._lives(node)]:
            del person.statuses[node]
            person.last_seen(self._said.get(node))
        return PresenceRecord(dict(person.statuses), person.seen)

    def _touched(self, key: str) -> _Person:
        person = self._people.setdefault(key, _Person())
        self._people.move_to_end(key)
        return person

    def _let_go(self) -> None:
        """Whoever is there is kept: they are as many as there are sessions."""
        over = len(self._people) - self._remembered
        for key in list(islice(self._people, max(0, over))):
            if not self._there(key).statuses:
                del self._people[key]

    def _lives(self, node: str) -> bool:
        return self._alive_until.get(node, float("-inf")) > asyncio.get_running_loop().time()
