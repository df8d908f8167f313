"""How readers at the end of a log learn that there is more, without asking."""

import asyncio
from asyncio import Future


class Bell:
    """Whoever waits when it rings is woken. Check, then wait, with no await between: nothing is missed."""

    def __init__(self) -> None:
        self._waiting: list[Future[None]] = []

    async def heard(self) -> None:
        """Wait for the next ring."""
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def ring(self) -> None:
        """Wake all who wait now, in the order they came."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
