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


async def retry_until_available(what: str, call: Callable[[], Awaitable[T]], health: Health) -> T:
    """Call until it succeeds, and return the result. `Unavailable` and `OutcomeUnknown` are retried, so `call` must be
    safe to repeat. Raises every other error, and `DataLost`, which a retry does not repair.
    """
    outage, pause = Outage(what), FIRST_PAUSE_S
    while True:
        try:
            answer = await call()
        except DataLost:
            raise
        except (Unavailable, OutcomeUnknown) as error:
            outage.begins(error)
            health.waits(what, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_S)
        else:
            outage.ends()
            health.goes_on(what)
            return answer
