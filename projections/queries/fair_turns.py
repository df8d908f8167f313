"""FairTurns grants turns to users, a few at a time: who has used the least time goes first.

Each user has a clock that advances by the seconds that the user's turns take; nobody's clock is behind the one of the
last turn granted. So of users who always wait each gets an equal share, and one who asks now and then goes before them.
"""

import heapq
import itertools
import time
from asyncio import CancelledError, Future, get_running_loop, shield
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

MIN_COST_S: Final = 0.001
"""The least time counted for a turn: users whose turns take no time alternate too."""
SWEEP_SIZE: Final = 10_000
"""Minimum number of clocks above which those of users who are not ahead are dropped."""


class FairTurns:
    """Grants at most `max_concurrent` turns at a time, one per user. The requests of one user keep their order; users
    of equal clocks have turns in the order in which they asked. `now` returns seconds.
    """

    def __init__(self, max_concurrent: int, now: Callable[[], float] = time.monotonic) -> None:
        self._free = max_concurrent
        self._now = now
        self._time = 0.0
        self._times: dict[str, float] = {}
        self._busy: set[str] = set()
        self._requests: dict[str, deque[Future[None]]] = {}
        self._next: list[tuple[float, int, str]] = []
        """A heap of the users who have requests and no turn."""
        self._numbers = itertools.count()
        self._sweep_at = SWEEP_SIZE

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """Hold a turn of this user; wait until it is granted."""
        await self._acquire(user)
        began = self._now()
        try:
            yield
        finally:
            self._release(user, self._now() - began)

    async def _acquire(self, user: str) -> None:
        request: Future[None] = get_running_loop().create_future()
        if user in self._requests:
            self._requests[user].append(request)
        else:
            self._requests[user] = deque([request])
            if user not in self._busy:
                self._queue(user)
        self._grant()
        try:
            # Shielded: a cancelled task runs only later; until then its turn can be granted, and is then passed on.
            await shield(request)
        except CancelledError:
            if request.done():  # it was granted, and is not used
                self._release(user, 0.0)
            else:
                self._requests[user].remove(request)
            raise

    def _queue(self, user: str) -> None:
        heapq.heappush(self._next, (max(self._time, self._times.get(user, 0.0)), next(self._numbers), user))

    def _release(self, user: str, seconds: float) -> None:
        self._free += 1
        self._busy.discard(user)
        self._times[user] += max(MIN_COST_S, seconds)
        if user in self._requests:
            self._queue(user)
        self._grant()

    def _grant(self) -> None:
        """Grant the free turns to those users without one whose clocks are least."""
        while self._free and self._next:
            clock, _, user = heapq.heappop(self._next)
            requests = self._requests[user]
            if requests:
                self._free -= 1
                self._busy.add(user)
                self._time = max(self._time, clock)
                self._times[user] = clock
                requests.popleft().set_result(None)
            if not requests:
                del self._requests[user]
        if len(self._times) > self._sweep_at:
            self._times = {one: at for one, at in self._times.items() if at > self._time or one in self._busy}
            self._sweep_at = max(SWEEP_SIZE, 2 * len(self._times))
