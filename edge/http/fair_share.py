"""Shares a node's loop among its users. While it keeps up everybody goes on at once; while it is late, what users ask
gets a part of its time, of which all who wait get equal shares.

Each user has a clock that goes on by the seconds that the loop computes for them, and the node has one that goes on as
fast as every waiting user may have time. Whoever is behind the node's clock goes on at once, whoever is ahead of it
waits until it is there: so a user who asks for less than an equal share waits for nobody (ADR 25).
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
LATE_S: Final = 0.002
"""A loop that comes later than this to what is due has too much to do at a time."""
MOST: Final = 1.0
LEAST: Final = 0.1
"""What users may use of the loop's time: all of it while it is not late, and never less than this part."""
GROWS: Final = 1.02
SHRINKS: Final = 0.8
DEBT_S: Final = 0.02
"""What all users together may have used too much, and those who wait have to wait for."""
REQUEST_S: Final = 0.001
"""What an HTTP request counts, or a handshake."""
STEP_S: Final = 0.005
"""What is counted of one step at most: a longer one may have been a collection of everybody's garbage."""
SAVED_S: Final = 0.005
"""What a user who rested may use at once, beyond an equal share."""
GUESSED_S: Final = 0.0002
"""What a frame is taken to cost until that is known."""
RESTS: Final = 50
"""Moments without a frame after which the node looks no more whether it is late."""
SWEPT: Final = 10_000

T = TypeVar("T")


class FairShare:
    """One server's; a user's name is any text, and so is that of a client address whose user is not known.

    `computed` says for how many seconds this thread has computed.
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
        self._part = MOST
        self._left = 0.0
        self._timer: TimerHandle | None = None
        self._due = 0.0
        self._idle = 0
        self._sweep_at = SWEPT

    async def take(self, user: str, work: Coroutine[Any, Any, T]) -> T:
        """What work for this user comes to, which begins when it is their turn."""
        try:
            await self._turn(user)
        except BaseException:
            work.close()
            raise
        if self._part == MOST:
            return await work
        meter = _Meter(work, self._computed)
        try:
            return await meter
        finally:
            self._charge(user, meter.seconds - GUESSED_S)

    async def request(self, address: str) -> None:
        """Return when it is the turn of a client address, whose user is not known."""
        await self._turn(address)
        self._charge(address, REQUEST_S - GUESSED_S)

    async def _turn(self, user: str) -> None:
        """Return at once while the node keeps up, or where the user is not ahead of its clock."""
        if self._timer is None:
            self._next()
        self._idle = 0
        time = self._of(user)
        self._times[user] = time + GUESSED_S
        if time <= self._time:
            return
        if not self._waiting and self._part == MOST:
            self._time = time
            return
        self._health.count("frames_waited")
        mine: Future[None] = self._loop.create_future()
        heapq.heappush(self._waiting, (time, next(self._numbers), user, mine))
        self._waiters[user] += 1
        await mine

    def _charge(self, user: str, seconds: float) -> None:
        self._times[user] = self._of(user) + seconds
        self._left = max(self._left - seconds, -DEBT_S)

    def _of(self, user: str) -> float:
        """The clock of a user; of one who rested it is not far behind."""
        return max(self._times.get(user, 0.0), self._time - SAVED_S)

    def _next(self) -> None:
        self._due = self._loop.time() + MOMENT_S
        self._timer = self._loop.call_at(self._due, self._moment)

    def _moment(self) -> None:
        """Look how late the loop is, put the clock on by what is left for those who wait, and let in who is due."""
        late = self._loop.time() - self._due
        self._part = max(LEAST, self._part * SHRINKS) if late > LATE_S else min(MOST, self._part * GROWS)
        self._left = min(self._left, 0.0) + self._part * (MOMENT_S + late)
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
            self._times = {user: time for user, time in self._times.items() if time > self._time - SAVED_S}
            self._sweep_at = max(SWEPT, 2 * len(self._times))
        if self._waiting or self._part < MOST or self._idle < RESTS:
            self._next()
        else:
            self._timer = None


class _Meter(Generic[T]):
    """Awaits work, and measures the time between its waits."""

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
                self.seconds += min(self._computed() - began, STEP_S)
            try:
                thrown = None
                yield waits
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - the work has it
                thrown = error
