"""KeyedTimers returns keys when they are due: each once, at its earliest time, those of one moment together."""

import asyncio
import contextlib
import heapq
import itertools
from typing import Final, Generic, TypeVar

GATHER_S: Final = 0.02
"""Interval that a due key waits for others, so that one round trip serves them all."""

K = TypeVar("K")


class KeyedTimers(Generic[K]):
    """Keys and their due times, on the loop's clock. One task waits for them."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = itertools.count()
        self._moved = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def at(self, key: K, when: float) -> None:
        """Make a key due at `when`, unless it is due earlier."""
        if when >= self._due.get(key, float("inf")):
            return
        self._due[key] = when
        heapq.heappush(self._heap, (when, next(self._numbers), key))
        if self._heap[0][2] == key:
            self._moved.set()

    async def due(self) -> list[K]:
        """Wait for due keys. Return at least one, the earliest first."""
        while not (taken := await self._next()):
            continue
        return taken

    async def _next(self) -> list[K]:
        """Wait for the first time in the heap. Return nothing if its key was taken earlier."""
        loop = asyncio.get_running_loop()
        while not self._heap or self._heap[0][0] > loop.time():
            self._moved.clear()
            with contextlib.suppress(TimeoutError):  # the first time has come
                async with asyncio.timeout_at(self._heap[0][0] if self._heap else None):
                    await self._moved.wait()
        await asyncio.sleep(GATHER_S)
        return self._take(loop.time())

    def _take(self, now: float) -> list[K]:
        taken: list[K] = []
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:  # else it was due earlier, and was taken then
                del self._due[key]
                taken.append(key)
        return taken
