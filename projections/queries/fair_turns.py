"""FairTurns grants turns to users: a few at a time, one per user, and waiting users before those who had one since."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """Grants at most `max_concurrent` turns at a time, one per user, in round-robin order of users. The requests of one
    user keep their order.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._free = max_concurrent
        self._busy: set[str] = set()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """Hold a turn of this user; wait until it is granted."""
        await self._acquire(user)
        try:
            yield
        finally:
            self._release(user)

    async def _acquire(self, user: str) -> None:
        request: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(request)
        self._grant()
        try:
            # Shielded: a cancelled task runs only later; until then its turn can be granted, and is then passed on.
            await asyncio.shield(request)
        except asyncio.CancelledError:
            if request.done():  # it was granted, and is not used
                self._release(user)
            else:
                self._remove(user, request)
            raise

    def _release(self, user: str) -> None:
        """End a turn; its user's next request waits behind all other users."""
        self._free += 1
        self._busy.discard(user)
        if user in self._waiting:
            self._waiting.move_to_end(user)
        self._grant()

    def _grant(self) -> None:
        """Grant the free turns to the users who have waited longest and have none."""
        while self._free and (user := next((one for one in self._waiting if one not in self._busy), None)) is not None:
            request = self._waiting[user].popleft()
            self._free -= 1
            self._busy.add(user)
            if not self._waiting[user]:
                del self._waiting[user]
            request.set_result(None)

    def _remove(self, user: str, request: asyncio.Future[None]) -> None:
        if user in self._waiting and request in self._waiting[user]:
            self._waiting[user].remove(request)
            if not self._waiting[user]:
                del self._waiting[user]
