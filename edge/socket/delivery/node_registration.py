"""NodeRegistration registers with the other nodes which conversations and users this node has sessions for.

All of it is best effort. While its server is down pushes do not arrive, polled heads recover them, and readiness
reports it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.node_registry import NodeRegistry

logger: Final = logging.getLogger("caas.presence")
BATCH_SIZE: Final = 1_000
"""Maximum number of names that are entered in one call."""
RETRY_INTERVAL_S: Final = 1.0
"""Maximum interval between heartbeats while the server is down."""
WAITS_FOR: Final = "presence"
"""The name in the health report. While it is down new clients should use another node: their pushes are late here."""


class NodeRegistration:
    """Keeps one node registered. `returned` is called when pushes may have been lost meanwhile."""

    def __init__(self, presence: NodeRegistry, node: str, ttl_s: float, health: Health) -> None:
        self._presence = presence
        self._node = node
        self._ttl_s = ttl_s
        self._health = health
        self._lost = False
        self._outage = Outage(WAITS_FOR)
        self._lock = asyncio.Lock()
        self._entering: set[str] = set()
        self._left: set[str] = set()
        self._wake = asyncio.Event()

    async def enter(self, names: list[str]) -> None:
        """Register sessions for these names; while the server is down they are registered when it is back.

        Names that arrive during a call are entered together in the next one.
        """
        if self._lost:
            return
        self._entering.update(names)
        try:
            async with self._lock:
                await self._enter_coming()
        except Unavailable as error:
            self._note_outage(error)

    async def _enter_coming(self) -> None:
        entering, self._entering = self._entering, set()
        try:
            self._left -= entering
            await self._enter(list(entering))
        except BaseException:
            self._entering |= entering  # the next caller in line enters them
            raise

    def leave(self, name: str) -> None:
        """Remove a name with the next heartbeat: no session here needs it."""
        self._left.add(name)
        self._wake.set()

    async def keep(self, held: Callable[[], Collection[str]], returned: Callable[[], None]) -> None:
        """Send heartbeats without end, three within a TTL; enter all names again when needed."""
        while True:
            if await self.beat(held):
                returned()
            self._wake.clear()
            try:
                async with asyncio.timeout(min(RETRY_INTERVAL_S, self._ttl_s / 3) if self._lost else self._ttl_s / 3):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def beat(self, held: Callable[[], Collection[str]]) -> bool:
        """Send one heartbeat and remove the names that were left. Return whether all had to be entered again."""
        try:
            async with self._lock:
                known = await self._presence.alive(self._node, self._ttl_s)
                again = not known or self._lost
                self._lost = False  # names that are not held yet are entered by their own call, after this one
                if again:
                    await self._enter(list(held()))
                self._outage.ends()
                self._health.goes_on(WAITS_FOR)
                await self._leave(held)
        except Unavailable as error:
            self._note_outage(error)
            return False
        return again

    async def forget(self) -> None:
        """Remove the registration of this node: it stops."""
        try:
            await self._presence.forget(self._node)
        except Unavailable as error:
            logger.warning("the registration was not removed, it will expire: %s", error)

    async def _enter(self, names: list[str]) -> None:
        for start in range(0, len(names), BATCH_SIZE):
            await self._presence.enter(self._node, names[start : start + BATCH_SIZE])

    async def _leave(self, held: Callable[[], Collection[str]]) -> None:
        """Remove the names that were left; names left meanwhile are removed the next time."""
        if not self._left:
            return
        left = frozenset(self._left)
        if gone := left.difference(held()):
            await self._presence.leave(self._node, gone)
        self._left -= left

    def _note_outage(self, error: Unavailable) -> None:
        self._outage.begins(error)
        self._lost = True
        self._wake.set()  # `keep` retries soon
        self._health.waits(WAITS_FOR, error)
        self._health.count("presence_lost")
