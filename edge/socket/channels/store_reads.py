"""Whatever heals takes its turn at the store: so many at one time, and one that is down is waited for in place."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.retry import FIRST_S, LONGEST_S

AT_ONCE: Final = 32
"""So many reads of one node to heal by are under way at one time."""

T = TypeVar("T")


class Held(Protocol):
    """What is healed; nobody waits for the sake of one that is closed."""

    @property
    def id(self) -> str:
        """What it is called in the log lines."""
        ...

    @property
    def closed(self) -> bool:
        """Whether nobody here needs it any more."""
        ...


class StoreReads:
    """The turns of one node."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def retry(self, held: Held, call: Callable[[], Awaitable[T]]) -> T:
        """What the store answers, as soon as it does. Raises `Unavailable` for one that is closed."""
        outage, pause = Outage(held.id), FIRST_S
        while True:
            try:
                async with self._turns:
                    answer = await call()
            except Unavailable as error:
                if held.closed:
                    raise
                self._health.count("heal_waits")
                outage.begins(error)
            else:
                outage.ends()
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_S)
