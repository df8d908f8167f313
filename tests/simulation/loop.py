"""A seeded event loop: time is virtual, and the seed chooses which of the ready tasks runs next.

It keeps asyncio's guarantees: plain callbacks run in the order of `call_soon`, and the steps of a task are in order. It
shuffles what asyncio does not guarantee: which of several ready tasks runs first. Sleeping costs nothing: when nothing
can run, the clock jumps to the next timer. No threads, no sockets, no wall clock.
"""

import asyncio
import gc
import heapq
import random
import sys
from asyncio import AbstractEventLoop, Future, Handle, Task, TimerHandle
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")
STEPS = 2_000_000
"""Maximum number of steps; a world with more is in an endless loop."""


class Stuck(Exception):
    """Nothing can run and no timer is set, or the world never ends."""


class _Task(Task[Any]):
    """A task with a reproducible place in a set: asyncio cancels sets of tasks, in their order."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class SeededLoop(AbstractEventLoop):
    """The part of an event loop that code without I/O uses."""

    def __init__(self, seed: int | str) -> None:
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        self._chosen = random.Random(f"loop {seed}")
        self._now = 0.0
        self._choose = self._chosen.random
        self._ready: list[Handle | None] = []
        self._plain: deque[Handle] = deque()
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._count = 0
        self._tasks: dict[Task[Any], None] = {}
        self._generators: list[AsyncGenerator[Any, Any]] = []
        self._running = False

    # The interface for tasks and futures

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> "Future[Any]":
        return Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> "Task[T]":
        task = _Task(coro, loop=self, name=name, context=context)
        self._count += 1
        task.number = self._count
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Handle:  # type: ignore[override]
        handle = Handle(callback, args, self, context)
        if isinstance(getattr(callback, "__self__", None), Task):
            self._ready.append(handle)
        else:
            self._plain.append(handle)
            self._ready.append(None)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> TimerHandle:  # type: ignore[override]
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> TimerHandle:  # type: ignore[override]
        handle = TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Do nothing: a cancelled timer is skipped."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    # Running

    def run_until_complete(self, future: Awaitable[T]) -> T:  # type: ignore[override]
        task = asyncio.ensure_future(future, loop=self)
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._generators.append, finalizer=self._finalize)
        asyncio._set_running_loop(self)
        self._running = True
        try:
            while not task.done():
                self._step()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*before)
        return task.result()

    def _step(self) -> None:
        ready = self._ready
        if not ready:
            self._jump()
            return
        self.steps += 1
        if self.steps > STEPS:
            raise Stuck(f"more than {STEPS} steps by {self._now:.3f} s: {self.names()}")
        chosen = int(self._choose() * len(ready))
        handle = ready[chosen]
        ready[chosen] = ready[-1]
        ready.pop()
        if handle is None:
            handle = self._plain.popleft()
        if not handle._cancelled:
            handle._run()

    def _jump(self) -> None:
        """Advance to the next timer, and run all timers due at that time."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Stuck(f"nothing can run at {self._now:.3f} s: {self.names()}")
        self._now = timers[0][0]
        while timers and timers[0][0] <= self._now:
            handle = heapq.heappop(timers)[2]
            if not handle._cancelled:
                self._plain.append(handle)
                self._ready.append(None)

    def names(self) -> list[str]:
        """Return the names of the unfinished tasks."""
        return sorted(task.get_name() for task in self._tasks)

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._running:
            self.create_task(generator.aclose(), name="finalize a generator")

    async def _end(self) -> None:
        """Cancel the running tasks and wait for them."""
        mine = asyncio.current_task()
        while rest := [task for task in self._tasks if task is not mine and not task.done()]:
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        for generator in self._generators:
            await generator.aclose()


def run(seed: int | str, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on the loop of this seed. Return its result, the same every time."""
    loop, collecting = SeededLoop(seed), gc.isenabled()  # type: ignore[abstract]
    gc.disable()  # a world is small and short; collecting it while it runs costs a fifth of its time
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop._end())
        if collecting:
            gc.enable()
