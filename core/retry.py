"""Retry calls in place, with backoff, until a server is available again; meanwhile the readiness check fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.health import Health
from core.outages import Outage
from core.ports.documents import DataLost
from core.ports.event_log import OutcomeUnknown, Unavailable

FIRST_PAUSE_S: Final = 0.05
MAX_PAUSE_S: Final = 2.0

T = TypeVar("T")


class Backoff:
    """The pauses of a retry loop, in seconds: each is twice the one before it, up to `max_s`."""

    def __init__(self, first_s: float = FIRST_PAUSE_S, max_s: float = MAX_PAUSE_S) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._next_s = first_s

    async def pause(self) -> None:
        """Wait before the next attempt."""
        pause_s, self._next_s = self._next_s, min(self._next_s * 2, self._max_s)
        await asyncio.sleep(pause_s)

    def reset(self) -> None:
        """Begin again with the first pause: an attempt succeeded."""
        self._next_s = self._first_s


async def retry_until_available(what: str, call: Callable[[], Awaitable[T]], health: Health) -> T:
    """Call until it succeeds, and return the result. `Unavailable` and `OutcomeUnknown` are retried, so `call` must be
    safe to repeat. Raises every other error, and `DataLost`, which a retry does not repair.
    """
    outage, backoff = Outage(what), Backoff()
    while True:
        try:
            answer = await call()
        except DataLost:
            raise
        except (Unavailable, OutcomeUnknown) as error:
            outage.begins(error)
            health.waits(what, error)
            await backoff.pause()
        else:
            outage.ends()
            health.goes_on(what)
            return answer
