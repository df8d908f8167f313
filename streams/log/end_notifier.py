"""The end notifier wakes readers at the end of a log when records are appended, so that they need not poll."""

import asyncio
from asyncio import Future


class EndNotifier:
    """Wakes all that wait. A reader that checks, then waits, with no await between, misses nothing."""

    def __init__(self) -> None:
        self._waiting: list[Future[None]] = []

    async def wait(self) -> None:
        """Wait for the next notification."""
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def notify(self) -> None:
        """Wake all that wait now, in the order in which they began to wait."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
