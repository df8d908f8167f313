"""Limits counts rate limits for all nodes together: a token bucket per key, which fills steadily."""

from typing import Protocol

from core.rate_limit import Rate


class Limits(Protocol):
    """Token buckets by key. A new bucket is full, and a full one is forgotten.

    A bucket fills by one clock, whichever node takes from it; a changed rate applies from then on.
    """

    async def start(self) -> None:
        """Connect, without waiting for the server: callers work without it."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def take(self, key: str, rate: Rate, n: int = 1) -> float:
        """Take `n` tokens, 1 to `rate.burst`, all or none.

        Return 0 if they were taken, else the seconds until `n` are available, if no caller takes any meanwhile.
        Concurrent callers never get more than are available. Raises `Unavailable` if the server is down: it is unknown
        then whether they were taken, and the caller counts locally.
        """
        ...
