"""Fair turns: a few at one time, one of each user, and whoever waits comes before those who had a turn since."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """Gives turns: `at_once` of all users, one of each. Users take turns, and one user's requests keep their order."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._busy: set[str] = set()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """A turn of this user's, once it is theirs."""
        await self._taken(user)
        try:
            yield
        finally:
            self._over(user)

    async def _taken(self, user: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(mine)
        self._give()
        try:
            # Shielded: whoever is cancelled runs only later, and until then its turn can be given, and is given on.
            await asyncio.shield(mine)
        except asyncio.CancelledError:
            if mine.done():  # it was given, and nobody takes it
                self._over(user)
            else:
                self._left(user, mine)
            raise

    def _over(self, user: str) -> None:
        """A turn is over; what its user still waits for comes after everybody else's."""
        self._free += 1
        self._busy.discard(user)
        if user in self._waiting:
            self._waiting.move_to_end(user)
        self._give()

    def _give(self) -> None:
        """Give what is free to those who have waited longest and have none."""
        while self._free and (user := next((one for one in self._waiting if one not in self._busy), None)) is not None:
            mine = self._waiting[user].popleft()
            self._free -= 1
            self._busy.add(user)
            if not self._waiting[user]:
                del self._waiting[user]
            mine.set_result(None)

    def _left(self, user: str, mine: asyncio.Future[None]) -> None:
        if user in self._waiting and mine in self._waiting[user]:
            self._waiting[user].remove(mine)
            if not self._waiting[user]:
                del self._waiting[user]
