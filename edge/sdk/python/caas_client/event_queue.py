"""Events wait here for an application that takes them in its own time; a full inbox stops the line that fills it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Final

from .lane_positions import place_of
from .wire import Event

EVENTS_HELD: Final = 10_000


class EventQueue:
    """Events in order until it is closed; there is room while fewer than `limit` wait."""

    def __init__(self, limit: int = EVENTS_HELD) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._closed: Exception | bool = False
        self._moved = asyncio.Event()

    def add(self, events: Iterable[Event]) -> None:
        """Add events; then wait for `room` before more are read."""
        self._events.extend(events)
        self._moved.set()

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return len(self._events) >= self._limit

    async def room(self) -> None:
        """Return when there is room for more."""
        while self.full:
            self._moved.clear()
            await self._moved.wait()

    def next(self) -> Event | None:
        """The first that waits, which is taken with that."""
        return self._events.popleft() if self._events else None

    def before(self, vector: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        """These positions without what waits here: where whoever takes the events stands."""
        for event in reversed(self._events):
            if event.lane is not None and event.n is not None:
                key, lane = place_of(event)
                vector.setdefault(key, {})[lane] = event.n - 1
        return vector

    def close(self, error: Exception | None) -> None:
        """Nothing more will come; whoever has taken all that is here gets `error`."""
        self._closed = error or True
        self._moved.set()

    async def take(self) -> AsyncIterator[Event]:
        """Events as they come, until closed."""
        while True:
            while (event := self.next()) is not None:
                self._moved.set()
                yield event
            if isinstance(self._closed, Exception):
                raise self._closed
            if self._closed:
                return
            self._moved.clear()
            await self._moved.wait()
