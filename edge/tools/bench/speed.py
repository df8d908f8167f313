"""Measures records per second from the first processed record on, without the time to connect."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

POLL_INTERVAL_S: Final = 0.005
START_TIMEOUT_S: Final = 60.0
CANCEL_S: Final = 2.0


class Speed:
    """The first and the last sample of the records done and their time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0)

    def done(self, count: int) -> bool:
        """Record that `count` are done by now; return whether there is time for more."""
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
        """Records per second; 0 if there was no progress after the first sample."""
        if self._first is None or self._last[0] <= self._first[0]:
            return 0.0
        return (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])


async def watched(work: Coroutine[Any, Any, None], done: Callable[[], int], total: int, seconds: float) -> float:
    """Run work until all is done or the time is over; return its speed."""
    speed = Speed(seconds)
    task = asyncio.create_task(work, name="measured")
    deadline = time.perf_counter() + START_TIMEOUT_S + seconds
    try:
        while speed.done(done()) and done() < total and not task.done():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{done()} of {total} records within {START_TIMEOUT_S + seconds:.0f} s")
            await asyncio.sleep(POLL_INTERVAL_S)
        speed.done(done())
        if task.done():
            task.result()
    finally:
        while not task.done():  # a library may swallow a cancellation
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_S)
    return speed.per_s
