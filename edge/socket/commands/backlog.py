"""Backlog counts what a node accepted and the read models have not saved yet. While that is too much, users with at
least an equal share of it wait.

A command is acknowledged when the log has it, and reaches its recipients when its read model has saved it. A node that
accepts faster than the models save lets recipients fall further and further behind; so it reads no faster (ADR 28).
"""

import asyncio
import contextlib
import math
from asyncio import Future
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from core.health import Health
from core.outages import Outage
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.socket.commands.save_rate import SaveRate
from projections.progress import Progress
from schemas.topics import Partition
from schemas.wire import frames
from schemas.wire.views import SlowDownView

MIN_UNPERSISTED: Final = 64
"""Number of unpersisted commands of a node, and of a conversation, that make nobody wait, unless a setting is less."""
MAX_WAIT_S: Final = 2.0
"""Maximum time that one command waits: a read model that stands still slows its users and does not stop them."""
LOOK_INTERVAL_S: Final = 0.02
"""Interval at which the checkpoints are read while much is unpersisted."""
IDLE_LOOK_INTERVAL_S: Final = 1.0
"""The same while little is, since nobody waits for it then."""


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """Maximum number of unpersisted commands of a node, and of one conversation; 0: no limit."""

    node: int = 1_000
    conversation: int = 250

    @classmethod
    def of(cls, settings: Settings) -> "BacklogLimits":
        """Return the limits of these settings."""
        return cls(settings.unpersisted, settings.conversation_unpersisted)


class _Count:
    """The number of unpersisted commands, in all and by user."""

    __slots__ = ("by_user", "total")

    def __init__(self) -> None:
        self.total = 0
        self.by_user: Counter[str] = Counter()

    def add(self, user: str) -> None:
        self.total += 1
        self.by_user[user] += 1

    def remove(self, user: str) -> None:
        self.total -= 1
        self.by_user[user] -= 1
        if not self.by_user[user]:
            del self.by_user[user]

    def has_share(self, user: str) -> bool:
        """Return whether at least an equal share is this user's."""
        return self.by_user[user] * len(self.by_user) >= self.total

    def is_over(self, limit: float, user: str) -> bool:
        """Return whether it is at its limit, with at least an equal share of this user."""
        return self.total >= limit and self.has_share(user)


class _Entry(NamedTuple):
    user: str
    conversation: str
    position: int


class _Waiter(NamedTuple):
    user: str
    conversation: str
    turn: Future[None]


class Backlog:
    """The unpersisted commands of one node. Call `wait_for_room` before a command is decided, and `add` when its append
    has begun; `follow` must run.
    """

    def __init__(self, progress: Progress, health: Health, limits: BacklogLimits | None = None) -> None:
        self._progress = progress
        self._health = health
        self._limits = limits or BacklogLimits()
        self._rate = SaveRate()
        limited = [most for most in (self._limits.node, self._limits.conversation) if most]
        self._counts = bool(limited)
        self._look_at = max(1, min((MIN_UNPERSISTED, *limited)) // 2)
        self._node = _Count()
        self._conversations: dict[str, _Count] = {}
        self._entries: dict[str, dict[Partition, deque[_Entry]]] = {}
        self._waiters: deque[_Waiter] = deque()
        self._grown = asyncio.Event()
        self._unknown = False
        self._outage = Outage("backlog")
        health.gauge("unpersisted", lambda: self.unpersisted)

    @property
    def unpersisted(self) -> int:
        """Return the number of commands that were appended here and not saved when last looked."""
        return self._node.total

    def add(self, user: str, conversation: str, model: str, at: Partition, append: Future[int]) -> None:
        """Count a command from the begin of its append until `model` has saved it, or the append fails."""
        if not self._counts:
            return
        self._node.add(user)
        self._conversations.setdefault(conversation, _Count()).add(user)
        if self._node.total >= self._look_at:
            self._grown.set()

        def appended(future: Future[int]) -> None:
            if future.cancelled() or future.exception() is not None:
                self._remove(user, conversation)
            else:
                entry = _Entry(user, conversation, future.result())
                self._entries.setdefault(model, {}).setdefault(at, deque()).append(entry)

        append.add_done_callback(appended)

    async def wait_for_room(self, user: str, conversation: str, warn: Callable[[bytes], None]) -> None:
        """Return when this user may send, at once where little is unpersisted or most is that of others, after
        `MAX_WAIT_S` in any case. `warn` is called with the frame that says so before it waits.
        """
        if not self._is_over(user, conversation):
            return
        loop = asyncio.get_running_loop()
        began, turn = loop.time(), loop.create_future()
        view = SlowDownView(unpersisted=self._node.total, own=self._node.by_user[user])
        warn(frames.push(frames.SLOW_DOWN, view))
        self._waiters.append(_Waiter(user, conversation, turn))
        try:
            await asyncio.wait([turn], timeout=MAX_WAIT_S)
        finally:
            turn.cancel()
            self._health.count("backpressure_ms", round((loop.time() - began) * 1000))

    async def follow(self) -> None:
        """Look at the checkpoints until cancelled: often while much is unpersisted."""
        while True:
            if self._node.total < self._look_at:
                self._grown.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_LOOK_INTERVAL_S):
                        await self._grown.wait()
                self._rate.begin(asyncio.get_running_loop().time())
            if self._node.total:
                await self._try_to_look()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _try_to_look(self) -> None:
        """Look. Where the checkpoints cannot be read nobody waits: a node works without its read models."""
        try:
            await self._look()
        except Unavailable as error:
            self._outage.begins(error)
            self._unknown = True
        else:
            self._outage.ends()
            self._unknown = False
        self._release()

    async def _look(self) -> None:
        """Remove what is saved. Raises `Unavailable`."""
        saved = 0
        for model in [model for model, waiting in self._entries.items() if waiting]:
            saved += self._remove_saved(self._entries[model], await self._progress.passed(model))
        self._rate.saved(saved, asyncio.get_running_loop().time())

    def _remove_saved(self, waiting: dict[Partition, deque[_Entry]], passed: Mapping[Partition, int]) -> int:
        """Remove what these checkpoints have passed. Return its number."""
        saved = 0
        for at, entries in list(waiting.items()):
            while entries and entries[0].position < passed.get(at, 0):
                entry = entries.popleft()
                self._remove(entry.user, entry.conversation)
                saved += 1
            if not entries:
                del waiting[at]
        return saved

    def _remove(self, user: str, conversation: str) -> None:
        self._node.remove(user)
        count = self._conversations[conversation]
        count.remove(user)
        if not count.total:
            del self._conversations[conversation]

    def _release(self) -> None:
        """Let those go on, in order, for whom there is room: each takes a place before its command is counted."""
        waiters, self._waiters = self._waiters, deque()
        room = self._limit(self._limits.node) - self._node.total
        for waiter in waiters:
            if waiter.turn.done():
                continue
            free = self._unknown or not self._node.has_share(waiter.user)
            if (free or room > 0) and not self._is_conversation_over(waiter.user, waiter.conversation):
                waiter.turn.set_result(None)
                room -= not free
            else:
                self._waiters.append(waiter)

    def _limit(self, most: int) -> float:
        """Return how much may be unpersisted: what is saved in a moment, at most `most` unless that is 0."""
        return min(most, max(MIN_UNPERSISTED, self._rate.limit)) if most else math.inf

    def _is_over(self, user: str, conversation: str) -> bool:
        if self._unknown:
            return False
        over = self._node.is_over(self._limit(self._limits.node), user)
        return over or self._is_conversation_over(user, conversation)

    def _is_conversation_over(self, user: str, conversation: str) -> bool:
        count = self._conversations.get(conversation)
        if count is None or self._unknown:
            return False
        return count.is_over(self._limit(self._limits.conversation), user)
