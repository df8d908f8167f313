"""FairShare divides the time of a node's event loop among its users. While the loop keeps up nobody waits; while it is
late, requests get a part of its time, in equal shares for all waiting users.

Each user has a clock that advances by the seconds that the loop computes for them. The node's clock advances as fast as
each waiting user may use time. A user behind the node's clock goes on at once, a user ahead of it waits until it is
there: so a user who needs less than an equal share never waits (ADR 25).
"""

import asyncio
import heapq
import itertools
from asyncio import Future, TimerHandle
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from time import thread_time
from typing import Any, Final, Generic, TypeVar

from core.health import Health

MOMENT_S: Final = 0.002
"""Interval between two checks of the loop's lateness while it is late or users wait."""
CALM_S: Final = 0.01
"""The same while it keeps up: each check costs as much as a tenth of a message."""
LATE_S: Final = 0.002
"""Lateness of a due callback above which the loop is overloaded."""
MAX_PART: Final = 1.0
MIN_PART: Final = 0.1
"""The part of the loop's time that users may use: all of it while it is not late, and never less than the minimum."""
GROWTH: Final = 1.02
SHRINKAGE: Final = 0.8
MAX_DEBT_S: Final = 0.02
"""Maximum overuse of all users together that waiting users have to wait for."""
REQUEST_COST_S: Final = 0.001
"""The cost counted for an HTTP request or a handshake."""
MAX_STEP_S: Final = 0.005
"""Maximum cost counted for one step: a longer one may have been a garbage collection for all users."""
MAX_CREDIT_S: Final = 0.005
"""Maximum time that a user who rested may use at once, beyond an equal share."""
ESTIMATED_COST_S: Final = 0.0002
"""The assumed cost of a frame until it is measured."""
IDLE_CHECKS: Final = 10
"""Number of checks without a frame after which lateness is not checked any more."""
SWEEP_SIZE: Final = 10_000
"""Minimum number of clocks above which those of users who rested are dropped."""

T = TypeVar("T")


class FairShare:
    """The fair share of one server; a user, or a client address whose user is not known, is named by any text.

    `computed` returns the seconds that this thread has computed.
    """

    def __init__(self, health: Health, computed: Callable[[], float] = thread_time) -> None:
        self._health = health
        self._computed = computed
        self._loop = asyncio.get_running_loop()
        self._time = 0.0
        self._times: dict[str, float] = {}
        self._waiting: list[tuple[float, int, str, Future[None]]] = []
        self._waiters: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._part = MAX_PART
        self._left = 0.0
        self._timer: TimerHandle | None = None
        self._interval = CALM_S
        self._due = 0.0
        self._idle = 0
        self._sweep_at = SWEEP_SIZE

    async def take(self, user: str, work: Coroutine[Any, Any, T]) -> T:
        """Do work for this user when it is their turn. Return its result."""
        try:
            await self._turn(user)
        except BaseException:
            work.close()
            raise
        if self._part == MAX_PART:
            return await work
        meter = _Meter(work, self._computed)
        try:
            return await meter
        finally:
            self._charge(user, meter.seconds - ESTIMATED_COST_S)

    async def request(self, address: str) -> None:
        """Return when it is the turn of a client address whose user is not known."""
        await self._turn(address)
        self._charge(address, REQUEST_COST_S - ESTIMATED_COST_S)

    async def _turn(self, user: str) -> None:
        """Return at once while the node keeps up, or if the user is not ahead of its clock."""
        if self._timer is None:
            self._next()
        self._idle = 0
        time = self._of(user)
        self._times[user] = time + ESTIMATED_COST_S
        if time <= self._time:
            return
        if not self._waiting and self._part == MAX_PART:
            self._time = time
            return
        self._health.count("frames_waited")
        mine: Future[None] = self._loop.create_future()
        heapq.heappush(self._waiting, (time, next(self._numbers), user, mine))
        self._waiters[user] += 1
        await mine

    def _charge(self, user: str, seconds: float) -> None:
        self._times[user] = self._of(user) + seconds
        self._left = max(self._left - seconds, -MAX_DEBT_S)

    def _of(self, user: str) -> float:
        """Return the clock of a user, at most `MAX_CREDIT_S` behind the node's."""
        return max(self._times.get(user, 0.0), self._time - MAX_CREDIT_S)

    def _next(self) -> None:
        self._interval = MOMENT_S if self._waiting or self._part < MAX_PART else CALM_S
        self._due = self._loop.time() + self._interval
        self._timer = self._loop.call_at(self._due, self._moment)

    def _moment(self) -> None:
        """Measure the loop's lateness, advance the node's clock by the time left for waiters, and wake those due."""
        late = self._loop.time() - self._due
        self._part = max(MIN_PART, self._part * SHRINKAGE) if late > LATE_S else min(MAX_PART, self._part * GROWTH)
        self._left = min(self._left, 0.0) + self._part * (self._interval + late)
        if self._waiters and self._left > 0:
            self._time += self._left / len(self._waiters)
        while self._waiting and self._waiting[0][0] <= self._time:
            _, _, user, mine = heapq.heappop(self._waiting)
            self._waiters[user] -= 1
            if not self._waiters[user]:
                del self._waiters[user]
            if not mine.done():
                mine.set_result(None)
        self._idle += 1
        if len(self._times) > self._sweep_at:
            self._times = {user: time for user, time in self._times.items() if time > self._time - MAX_CREDIT_S}
            self._sweep_at = max(SWEEP_SIZE, 2 * len(self._times))
        if self._waiting or self._part < MAX_PART or self._idle < IDLE_CHECKS:
            self._next()
        else:
            self._timer = None


class _Meter(Generic[T]):
    """Awaits work and measures the time that it computes."""

    __slots__ = ("_computed", "_work", "seconds")

    def __init__(self, work: Coroutine[Any, Any, T], computed: Callable[[], float]) -> None:
        self._work = work
        self._computed = computed
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        steps, thrown = self._work.__await__(), None
        while True:
            began = self._computed()
            try:
                waits = next(steps) if thrown is None else steps.throw(thrown)
            except StopIteration as end:
                value: T = end.value
                return value
            finally:
                self.seconds += min(self._computed() - began, MAX_STEP_S)
            try:
                thrown = None
                yield waits
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown into the work
                thrown = error
