"""Events wait here for an application that takes them in its own time; a full inbox stops the line that fills it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from edge.client.wire import Event

EVENTS_HELD: Final = 10_000


class Inbox:
    """Events in order, at most `limit` of them, until it is closed."""

    def __init__(self, limit: int = EVENTS_HELD) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._closed: Exception | bool = False
        self._moved = asyncio.Event()

    async def put(self, event: Event) -> None:
        """Add an event, waiting for room."""
        while len(self._events) >= self._limit:
            self._moved.clear()
            await self._moved.wait()
        self._events.append(event)
        self._moved.set()

    def close(self, error: Exception | None) -> None:
        """Nothing more will come; whoever has taken all that is here gets `error`."""
        self._closed = error or True
        self._moved.set()

    async def take(self) -> AsyncIterator[Event]:
        """Events as they come, until closed."""
        while True:
            while self._events:
                event = self._events.popleft()
                self._moved.set()
                yield event
            if isinstance(self._closed, Exception):
                raise self._closed
            if self._closed:
                return
            self._moved.clear()
            await self._moved.wait()
