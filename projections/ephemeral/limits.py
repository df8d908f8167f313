"""Limits of one process, and limits that fall back to those while the server that all share is down."""

import asyncio
from typing import Final

from core.health import Health
from core.keyed_rate_limit import KeyedBuckets
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.limits import Limits, Rate

DOWN_S: Final = 1.0
"""So long a server that was down is left alone."""


class InProcessLimits:
    """The port `Limits` within one event loop; time is the loop's."""

    def __init__(self) -> None:
        self._buckets = KeyedBuckets()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, all of them or none: 0, or the seconds until so many will be there."""
        await asyncio.sleep(0)
        return self._buckets.take(key, rate, n, asyncio.get_running_loop().time())


class FallbackLimits:
    """The limits that nodes share, as long as they answer; while they do not, this process counts for itself.

    `take` never raises. A server that is down is asked once a second, so that few callers wait for it.
    `start` and `stop` are for the owner of the shared ones.
    """

    def __init__(self, shared: Limits, health: Health) -> None:
        self._shared = shared
        self._own = InProcessLimits()
        self._health = health
        self._outage = Outage("limits", "Redis of the limits")
        self._down_until = float("-inf")

    async def start(self) -> None:
        """Nothing of its own."""

    async def stop(self) -> None:
        """Nothing of its own."""

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, all of them or none: 0, or the seconds until so many will be there."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._down_until:
            try:
                wait = await self._shared.take(key, rate, n)
            except Unavailable as error:
                self._outage.begins(error)
                self._health.count("limits_down")
                self._down_until = loop.time() + DOWN_S
            else:
                self._outage.ends()
                return wait
        return await self._own.take(key, rate, n)
