"""Where this node stands with the others: which conversations and users it has sessions for, and that it lives.

All of it is a hint. While its server is down nothing breaks: pushes do not come, and heads heal. Readiness says so.
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
AT_ONCE: Final = 1_000
AGAIN_S: Final = 1.0
WAITS_FOR: Final = "presence"
"""While it is down, send no new clients here: pushes to them come late."""


class NodeRegistration:
    """Keeps one node's presence. `returned` is called when pushes may have gone astray meanwhile."""

    def __init__(self, presence: NodeRegistry, node: str, ttl_s: float, health: Health) -> None:
        self._presence = presence
        self._node = node
        self._ttl_s = ttl_s
        self._health = health
        self._astray = False
        self._outage = Outage(WAITS_FOR)
        self._turn = asyncio.Lock()
        self._coming: set[str] = set()
        self._left: set[str] = set()
        self._wake = asyncio.Event()

    async def enter(self, names: list[str]) -> None:
        """This node has sessions for these from now on; while the server is down, from when it is back.

        Whatever is to be entered while others are is entered together.
        """
        if self._astray:
            return
        self._coming.update(names)
        try:
            async with self._turn:
                await self._enter_coming()
        except Unavailable as error:
            self._lost(error)

    async def _enter_coming(self) -> None:
        coming, self._coming = self._coming, set()
        try:
            self._left -= coming
            await self._enter(list(coming))
        except BaseException:
            self._coming |= coming  # those who wait behind us see to it
            raise

    def left(self, name: str) -> None:
        """Nobody here needs it any more."""
        self._left.add(name)
        self._wake.set()

    async def keep(self, held: Callable[[], Collection[str]], returned: Callable[[], None]) -> None:
        """Say that this node lives, three times within its TTL, for ever; enter everything again when need be."""
        while True:
            if await self.beat(held):
                returned()
            self._wake.clear()
            try:
                async with asyncio.timeout(min(AGAIN_S, self._ttl_s / 3) if self._astray else self._ttl_s / 3):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def beat(self, held: Callable[[], Collection[str]]) -> bool:
        """Say it once, and leave what was left; whether everything had to be entered again."""
        try:
            async with self._turn:
                known = await self._presence.alive(self._node, self._ttl_s)
                again = not known or self._astray
                if again:
                    await self._enter(list(held()))
                self._astray = False
                self._outage.ends()
                self._health.goes_on(WAITS_FOR)
                await self._leave(held)
        except Unavailable as error:
            self._lost(error)
            return False
        return again

    async def forget(self) -> None:
        """The node goes away."""
        try:
            await self._presence.forget(self._node)
        except Unavailable as error:
            logger.warning("presence did not forget us, it will by itself: %s", error)

    async def _enter(self, names: list[str]) -> None:
        for start in range(0, len(names), AT_ONCE):
            await self._presence.enter(self._node, names[start : start + AT_ONCE])

    async def _leave(self, held: Callable[[], Collection[str]]) -> None:
        """Who comes meanwhile enters after this; what is left meanwhile is left the next time."""
        if not self._left:
            return
        left = frozenset(self._left)
        if gone := left.difference(held()):
            await self._presence.leave(self._node, gone)
        self._left -= left

    def _lost(self, error: Unavailable) -> None:
        self._outage.begins(error)
        self._astray = True
        self._wake.set()  # whoever keeps it tries again soon
        self._health.waits(WAITS_FOR, error)
        self._health.count("presence_lost")
