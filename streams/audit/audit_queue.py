"""AuditQueue keeps audit records that nobody waits for, some one by one, others counted by the minute.

While the log is down they wait in memory, bounded; a process that ends in an outage loses them, and counts that are
younger than a minute.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from msgspec import structs

from core.health import Health
from core.ports.audit import Audit
from core.retry import retry_until_available
from schemas.events import AuditRecorded

INTERVAL_S: Final = 60.0
"""Time between the records of what is counted, in seconds."""
MAX_KINDS: Final = 10_000
"""Maximum number of kinds that are counted apart; beyond it those of all users count as one."""
MAX_WAITING: Final = 10_000
"""Maximum number of records that wait one by one; beyond it they are counted."""
APPENDED_AT_ONCE: Final = 100
"""Maximum number of records that are appended concurrently."""
STOP_S: Final = 5.0
"""Maximum time, in seconds, that the last records are appended."""
RETRIED_S: Final = 1.0
"""Maximum time, in seconds, that those are waited for at the end which were being appended, in an outage again and
again.
"""
WAITS_FOR: Final = "audit trail"


class _Waiting(NamedTuple):
    record: AuditRecorded
    correlation_id: str
    record_id: str
    cause: str = ""


class AuditQueue:
    """The records of one process. `now` is its clock; `health` shows that they wait for the log."""

    def __init__(self, now: Callable[[], str], health: Health, new_id: Callable[[], str]) -> None:
        self._now = now
        self._health = health
        self._new_id = new_id
        self._counts: Counter[AuditRecorded] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self._appending: list[asyncio.Task[None]] = []
        self._more = asyncio.Event()
        self.stopped = False

    def put(self, record: AuditRecorded, correlation_id: str | None = None, cause: str = "") -> None:
        """Let a record wait; its time is now, and `cause` the trace context that it continues."""
        if len(self._waiting) >= MAX_WAITING:
            self.count(record)
        else:
            self._wait(structs.replace(record, at=self._now()), correlation_id, cause)

    def count(self, kind: AuditRecorded) -> None:
        """Count one of this kind; its time is ignored."""
        kind = structs.replace(kind, at="")
        if kind not in self._counts and len(self._counts) >= MAX_KINDS:
            kind = structs.replace(kind, actor="", entity_id="", session=None, address=None, agent=None)
        self._counts[kind] += 1

    async def follow(self, audit: Audit) -> None:
        """Append records until cancelled: those one by one at once, counts every minute."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._append(audit), name="audit-append")
            tasks.create_task(self._count_regularly(), name="audit-counts")

    async def stop(self, audit: Audit) -> None:
        """Append what waits and what is counted; call it when `follow` has ended. Gives up when the log is down."""
        self.stopped = True
        self._collect()
        waiting, self._waiting = list(self._waiting), deque()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(audit.record(*one) for one in waiting), return_exceptions=True)
        if self._appending:
            await asyncio.wait(self._appending, timeout=RETRIED_S)
        for task in self._appending:
            task.cancel()
        await asyncio.gather(*self._appending, return_exceptions=True)

    def _wait(self, record: AuditRecorded, correlation_id: str | None = None, cause: str = "") -> None:
        self._waiting.append(_Waiting(record, correlation_id or self._new_id(), self._new_id(), cause))
        self._more.set()

    async def _append(self, audit: Audit) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(APPENDED_AT_ONCE, len(self._waiting)))]
                appends = [retry_until_available(WAITS_FOR, partial(audit.record, *one), self._health) for one in taken]
                self._appending = [asyncio.create_task(append, name="audit-record") for append in appends]
                await asyncio.wait(self._appending)  # which a cancellation leaves to `stop`: they may be in the log
                for task in self._appending:
                    task.result()
                self._appending = []

    async def _count_regularly(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            if len(self._waiting) < MAX_WAITING:
                self._collect()

    def _collect(self) -> None:
        """Let what was counted wait for its record."""
        now, counts = self._now(), self._counts
        self._counts = Counter()
        for kind, count in counts.items():
            self._wait(structs.replace(kind, at=now, count=count))
