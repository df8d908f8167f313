"""An outage is waited for in place, with backoff, while readiness says so; nothing is skipped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.health import Health
from core.outages import Outage
from core.ports.documents import DataLost
from core.ports.event_log import OutcomeUnknown, Unavailable

FIRST_S: Final = 0.05
LONGEST_S: Final = 2.0

T = TypeVar("T")


async def retry_until_available(what: str, call: Callable[[], Awaitable[T]], health: Health) -> T:
    """What `call` answers, as soon as it does: `Unavailable` and `OutcomeUnknown` are waited out, so `call` must be
    safe to repeat. Anything else is raised, and so is `DataLost`, which no waiting ends.
    """
    outage, pause = Outage(what), FIRST_S
    while True:
        try:
            answer = await call()
        except DataLost:
            raise
        except (Unavailable, OutcomeUnknown) as error:
            outage.begins(error)
            health.waits(what, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_S)
        else:
            outage.ends()
            health.goes_on(what)
            return answer
