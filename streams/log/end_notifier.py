"""The end notifier wakes readers at the end of a log when records of their topics are appended, so that they need not
poll.
"""

import asyncio
from asyncio import Future
from collections.abc import Collection


class EndNotifier:
    """Wakes those that wait for a topic. A reader that checks, then waits, with no await between, misses nothing."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Collection[str], Future[None]]] = []

    async def wait(self, topics: Collection[str]) -> None:
        """Wait for the next notification of one of these topics, or of all."""
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((topics, waiter))
        await waiter

    def notify(self, topics: Collection[str] | None = None) -> None:
        """Wake all that wait now for one of these topics (None: all), in the order in which they began to wait."""
        waiting, self._waiting = self._waiting, []
        for wanted, waiter in waiting:
            if waiter.done():
                continue
            if topics is None or any(topic in wanted for topic in topics):
                waiter.set_result(None)
            else:
                self._waiting.append((wanted, waiter))
