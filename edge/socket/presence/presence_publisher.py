"""Which of its people a node says are there: each at most once a second, gone only after a while.

All of it is a hint. While its server is down nobody is told anything; when it is back the node enters everyone again,
under a new name, so that whoever went meanwhile is not taken for there.
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
APART_S: Final = 1.0
"""So long apart are two changes of one person."""
GRACE_S: Final = 5.0
"""Whoever has no session for so long is gone: a line that breaks and comes back is no news."""
BACK_S: Final = 1.0
"""Whoever comes back in time says meanwhile how they are there."""
AT_ONCE: Final = 250
AGAIN_S: Final = 1.0
AFRESH_S: Final = 86_400.0
"""After so long everyone is entered again: the server remembers nobody for ever."""

Told = Callable[[list[str]], Awaitable[None]]
"""Does what is to be done once something was told of these people."""


@dataclass(slots=True, eq=False)
class _Person:
    """Their sessions here; `told` is what the server knows of them.

    `turned` is when they had their turn last and `gone` when they are gone if nobody comes, both on the loop's clock.
    """

    sessions: dict[ClientSession, Status] = field(default_factory=dict)
    told: str | None = None
    turned: float = float("-inf")
    gone: float = float("-inf")
    seen: str = ""


class PresencePublisher:
    """Keeps what one node says of its people, under its present `name`; `beats` and `turns` run as long as the node.

    While it is `down` the server could not be reached at the last try, a second ago at most.
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
        self._persons: dict[str, _Person] = {}
        self._alarms: KeyedTimers[str] = KeyedTimers()
        self._turn = asyncio.Lock()
        self._outage = Outage("presence: people")
        self._lost_it = asyncio.Event()
        self._entered = 0.0

    # Sessions

    def came(self, visit: ClientSession) -> None:
        """A session is there, online until it says otherwise."""
        key = key_of(visit.identity.tenant, visit.identity.user_id)
        person = self._persons.setdefault(key, _Person())
        person.sessions[visit] = ONLINE
        self._due(key, person, 0.0 if person.told is None else BACK_S)

    def went(self, visit: ClientSession) -> None:
        """A session is over. One that never came changes nothing."""
        key = key_of(visit.identity.tenant, visit.identity.user_id)
        person = self._persons.get(key)
        if person is None or person.sessions.pop(visit, None) is None:
            return
        person.gone = asyncio.get_running_loop().time() + GRACE_S
        person.seen = self._clock.now()
        self._due(key, person, GRACE_S)

    def set(self, visit: ClientSession, status: Status) -> None:
        """How a session is there; nothing where it is over."""
        key = key_of(visit.identity.tenant, visit.identity.user_id)
        person = self._persons.get(key)
        if person is not None and visit in person.sessions:
            person.sessions[visit] = status
            self._due(key, person, 0.0)

    def _due(self, key: str, person: _Person, wait_s: float) -> None:
        now = asyncio.get_running_loop().time()
        self._alarms.at(key, max(now + wait_s, person.turned + APART_S))

    def here(self, key: str) -> frozenset[str]:
        """What the sessions of a person on this node say now."""
        person = self._persons.get(key)
        return frozenset(person.sessions.values()) if person is not None else frozenset()

    # Telling

    async def turns(self, told: Told) -> None:
        """Tell what has changed, for ever."""
        while True:
            changed = self._changed(await self._alarms.due())
            keys = list(changed)
            for start in range(0, len(keys), AT_ONCE):
                some = {key: changed[key] for key in keys[start : start + AT_ONCE]}
                if await self._tell(some):
                    await told(list(some))

    def _changed(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Of these people, those of whom the server knows otherwise: how they are there, None: not at all."""
        now, changed = asyncio.get_running_loop().time(), dict[str, str | None]()
        for key in keys:
            person = self._persons.get(key)
            if person is None:
                continue
            if not person.sessions and now < person.gone and not self.down:
                self._alarms.at(key, person.gone)
            elif (status := _status(person)) != person.told:
                changed[key], person.turned = status, now
            elif status is None:
                del self._persons[key]
        return changed

    async def _tell(self, changed: dict[str, str | None]) -> bool:
        """Whether the server took it."""
        statuses = {key: status for key, status in changed.items() if status is not None}
        gone = {key: self._persons[key].seen for key, status in changed.items() if status is None}
        try:
            async with self._turn:
                if not self.down:
                    await self._people.enter(self.name, statuses, self._clock.now())
                    await self._people.leave(self.name, gone)
        except Unavailable as error:
            self._lost(error)
        for key, status in changed.items():
            if status is None or not self.down:  # those who are there are entered when it is back
                self._said(key, status)
        return not self.down

    def _said(self, key: str, status: str | None) -> None:
        person = self._persons[key]
        person.told = status
        if not person.sessions and status is None:
            del self._persons[key]

    # Living

    async def beats(self) -> None:
        """Say that this node lives, three times within its TTL, for ever."""
        while True:
            await self.beat()
            self._lost_it.clear()
            try:
                async with asyncio.timeout(min(AGAIN_S, self._ttl_s / 3) if self.down else self._ttl_s / 3):
                    await self._lost_it.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(AGAIN_S)

    async def beat(self) -> None:
        """Say it once, and enter everyone again where the server does not know them any more."""
        try:
            async with self._turn:
                await self._beat()
        except Unavailable as error:
            self._lost(error)

    async def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.down:
            await self._people.forget(self.name, self._clock.now())
            self.name = f"{self._node}:{self._new_id()}"
        known = await self._people.alive(self.name, self._clock.now(), self._ttl_s)
        if not known or now - self._entered > AFRESH_S:
            await self._enter_all()
            self._entered = now
        self.down = False
        self._outage.ends()

    async def _enter_all(self) -> None:
        held = list(self._persons.items())
        for start in range(0, len(held), AT_ONCE):
            some = {key: person for key, person in held[start : start + AT_ONCE] if person.sessions}
            statuses = {key: combined(person.sessions.values()) for key, person in some.items()}
            await self._people.enter(self.name, statuses, self._clock.now())
            for key, person in some.items():
                self._entered_again(key, person, statuses[key])

    def _entered_again(self, key: str, person: _Person, status: str) -> None:
        """Whoever went while they were entered must leave, also where they were forgotten already."""
        person.told = status
        self._persons.setdefault(key, person)
        if not person.sessions:
            self._due(key, person, 0.0)

    async def forget(self) -> None:
        """The node goes away: its people are gone as soon as somebody asks."""
        try:
            await self._people.forget(self.name, self._clock.now())
        except Unavailable as error:
            logger.warning("our people are not forgotten yet, they will be: %s", error)

    def _lost(self, error: Unavailable) -> None:
        self._outage.begins(error)
        if not self.down:
            for person in self._persons.values():
                person.told = None
        self.down = True
        self._health.count("presence_lost")
        self._lost_it.set()


def _status(person: _Person) -> str | None:
    return combined(person.sessions.values()) if person.sessions else None
