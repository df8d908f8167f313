"""StoreReads limits the concurrent reads that recover channels, and retries them while the store is down."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.retry import Backoff

MAX_CONCURRENT_READS: Final = 32
"""Maximum number of recovery reads of one node at a time."""

T = TypeVar("T")


class Recovered(Protocol):
    """A channel that is recovered; a read for a closed one is not retried."""

    @property
    def id(self) -> str:
        """Its name in log lines."""
        ...

    @property
    def closed(self) -> bool:
        """Whether no session here needs it any more."""
        ...


class StoreReads:
    """The recovery reads of one node."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def retry(self, channel: Recovered, call: Callable[[], Awaitable[T]]) -> T:
        """Return the store's answer, retrying while it is down. Raises `Unavailable` if the channel is closed."""
        outage, backoff = Outage(channel.id), Backoff()
        while True:
            try:
                async with self._slots:
                    answer = await call()
            except Unavailable as error:
                if channel.closed:
                    raise
                self._health.count("heal_waits")
                outage.begins(error)
            else:
                outage.ends()
                return answer
            await backoff.pause()
