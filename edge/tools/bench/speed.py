"""Records per second from the first that is done on: how long a reader takes to connect is another question."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

POLL_S: Final = 0.005
BEGINS_S: Final = 60.0
CANCEL_S: Final = 2.0


class Speed:
    """What was done when, first and last."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0)

    def done(self, count: int) -> bool:
        """So much is done by now; whether there is time for more."""
        now = time.perf_counter()
        if self._first is None:
            if count:
                self._first = self._last = (now, count)
            return True
        if count > self._last[1]:
            self._last = (now, count)
        return now - self._first[0] < self._seconds

    @property
    def per_s(self) -> float:
        """Records per second; 0 when nothing came after the first."""
        if self._first is None or self._last[0] <= self._first[0]:
            return 0.0
        return (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])


async def watched(work: Coroutine[Any, Any, None], done: Callable[[], int], total: int, seconds: float) -> float:
    """Run work until all is done or the time is over; its speed."""
    speed = Speed(seconds)
    task = asyncio.create_task(work, name="measured")
    deadline = time.perf_counter() + BEGINS_S + seconds
    try:
        while speed.done(done()) and done() < total and not task.done():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{done()} of {total} records within {BEGINS_S + seconds:.0f} s")
            await asyncio.sleep(POLL_S)
        speed.done(done())
        if task.done():
            task.result()
    finally:
        while not task.done():  # a library may swallow a cancellation
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_S)
    return speed.per_s
