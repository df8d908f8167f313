"""LiveSockets returns the socket URLs of live nodes, for a gateway whose settings name none."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.node_registry import NodeRegistry

FRESH_S: Final = 1.0
"""Maximum age of an answer that is used again."""


class LiveSockets:
    """The URLs of live nodes, read at most once a second. While no node is live, the last ones; before that,
    `otherwise`.
    """

    def __init__(self, presence: NodeRegistry, otherwise: Sequence[str], fresh_s: float = FRESH_S) -> None:
        self._presence = presence
        self._urls = list(otherwise)
        self._fresh_s = fresh_s
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self._outage = Outage("the list of living nodes")

    async def urls(self) -> list[str]:
        """Return the URLs in random order: clients try the first one first."""
        loop = asyncio.get_running_loop()
        async with self._asking:
            if loop.time() - self._asked_at >= self._fresh_s:
                await self._ask()
                self._asked_at = loop.time()
        return secrets.SystemRandom().sample(self._urls, len(self._urls))

    async def _ask(self) -> None:
        try:
            self._urls = await self._presence.announced() or self._urls
        except Unavailable as error:
            self._outage.begins(error)
        else:
            self._outage.ends()
