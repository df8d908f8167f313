"""Limits rates in one process, and falls back to that while the shared server is down."""

import asyncio
from typing import Final

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.ports.limits import Limits
from core.rate_limit import KeyedBuckets, Rate

RETRY_INTERVAL_S: Final = 1.0
"""Interval in which a server that was down is not asked again, in seconds."""


class InProcessLimits:
    """The port `Limits` within one event loop; time is the loop's."""

    def __init__(self) -> None:
        self._buckets = KeyedBuckets()

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, all of them or none; return 0, or the seconds until `n` will be available."""
        await asyncio.sleep(0)
        return self._buckets.take(key, rate, n, asyncio.get_running_loop().time())


class FallbackLimits:
    """Uses the limits that nodes share; while their server is down, this process counts by itself.

    `take` never raises. A server that is down is asked once a second, so that few callers wait for it.
    The owner of the shared limits starts and stops them.
    """

    def __init__(self, shared: Limits, health: Health) -> None:
        self._shared = shared
        self._own = InProcessLimits()
        self._health = health
        self._outage = Outage("limits", "Redis of the limits")
        self._down_until = float("-inf")

    async def start(self) -> None:
        """Do nothing: the shared limits have their own owner."""

    async def stop(self) -> None:
        """Do nothing: the shared limits have their own owner."""

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, all of them or none; return 0, or the seconds until `n` will be available."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._down_until:
            try:
                wait = await self._shared.take(key, rate, n)
            except Unavailable as error:
                self._outage.begins(error)
                self._health.count("limits_down")
                self._down_until = loop.time() + RETRY_INTERVAL_S
            else:
                self._outage.ends()
                return wait
        return await self._own.take(key, rate, n)
