"""A line that its node is about to close is followed by another before it is left, so that nothing falls silent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from .backoff import Backoff
from .connection import Connection
from .events import NOW_EVENTS
from .wire import Closed, Refused

LEAVE_S: Final = 5.0
"""Maximum time that a line is kept open after the next one, for answers that are still due on it."""
NOW: Final = frozenset(NOW_EVENTS)
"""Pushes of the present state: where there are two lines, the newer one brings them."""


class Handover:
    """Opens a line by `open_line` beside the one at hand, once that is going away."""

    def __init__(self, open_line: Callable[[], Awaitable[Connection]]) -> None:
        self._open_line = open_line
        self._opening: asyncio.Task[Connection] | None = None
        self._begun = asyncio.Event()
        self._not_before = 0.0

    @property
    def wait_s(self) -> float:
        """How long the node still wants no other line."""
        return max(0.0, self._not_before - asyncio.get_running_loop().time())

    def begin(self, after_s: float) -> None:
        """The line at hand is going away: open another after so many seconds, and try until one is open."""
        if self._opening is None:
            self._not_before = asyncio.get_running_loop().time() + after_s
            self._opening = asyncio.create_task(self._open(), name="caas client hands over")
            self._begun.set()

    async def next(self, reading: "asyncio.Task[None]") -> Connection:
        """The line that follows. Raises what `reading` of the line at hand ends with, where that comes first."""
        beginning = asyncio.create_task(self._begun.wait(), name="caas client waits")
        try:
            await asyncio.wait((reading, beginning), return_when=asyncio.FIRST_COMPLETED)
            if self._opening is not None:
                await asyncio.wait((reading, self._opening), return_when=asyncio.FIRST_COMPLETED)
                if self._opening.done():
                    opening, self._opening = self._opening, None
                    return opening.result()
            reading.result()
            raise Closed(None)
        finally:
            beginning.cancel()

    async def end(self) -> None:
        """Open none any more."""
        if self._opening is None:
            return
        self._opening.cancel()
        (opened,) = await asyncio.gather(self._opening, return_exceptions=True)
        if isinstance(opened, Connection):
            await opened.close()

    async def _open(self) -> Connection:
        backoff = Backoff()
        await asyncio.sleep(self.wait_s)
        while True:
            try:
                return await self._open_line()
            except Closed:
                await asyncio.sleep(backoff.next())
            except Refused:
                await asyncio.Event().wait()  # the line at hand says so when it is gone
