"""Records that nobody waits for are appended once each, wait for the log in bounded memory, and are counted beyond."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.health import Health
from core.ports.event_log import OutcomeUnknown, Unavailable
from schemas.events import AuditRecorded
from streams.audit import audit_queue
from streams.audit.audit_queue import AuditQueue
from tests.eventually import eventually
from tests.given import AT, TENANT


class SlowAudit:
    """Keeps what is recorded; while `down` it takes nothing, while `open` is not set it answers nobody."""

    def __init__(self) -> None:
        self.records: list[tuple[AuditRecorded, str]] = []
        self.begun = 0
        self.down = False
        self.open = asyncio.Event()
        self.open.set()

    def now(self) -> str:
        return AT

    async def record(
        self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
    ) -> None:
        self.begun += 1
        await self.open.wait()
        if self.down:
            raise Unavailable("down")
        self.records.append((record, correlation_id))

    def said(self) -> list[tuple[str, int]]:
        return sorted((record.entity_id, record.count) for record, _ in self.records)


def record(name: str) -> AuditRecorded:
    return AuditRecorded(
        tenant=TENANT, at="", actor="app", action="token:issue", entity_type="user", entity_id=name, outcome="success"
    )


def queue_of(health: Health | None = None) -> AuditQueue:
    return AuditQueue(lambda: AT, health or Health(), map(str, itertools.count(1)).__next__)


@asynccontextmanager
async def followed(queue: AuditQueue, audit: SlowAudit) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.follow(audit))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await queue.stop(audit)


async def test_records_that_wait_before_there_is_a_log_are_appended_with_their_time_and_correlation() -> None:
    audit, queue = SlowAudit(), queue_of()
    queue.put(record("ann"), "given")
    queue.put(record("ben"))
    async with followed(queue, audit):
        await eventually(lambda: len(audit.records) == 2)
    assert [(one.entity_id, one.at, correlation) for one, correlation in audit.records] == [
        ("ann", AT, "given"),
        ("ben", AT, "2"),
    ]
    assert queue.stopped


async def test_records_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "MAX_WAITING", 3)
    audit, queue = SlowAudit(), queue_of()
    for name in ("a", "b", "c", "d", "d", "e"):
        queue.put(record(name))
    async with followed(queue, audit):
        await eventually(lambda: len(audit.records) == 3)
    assert audit.said() == [("a", 1), ("b", 1), ("c", 1), ("d", 2), ("e", 1)]


async def test_memory_is_bounded_in_a_long_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MAX_WAITING", 3), ("MAX_KINDS", 4), ("INTERVAL_S", 0.01), ("APPENDED_AT_ONCE", 1)):
        monkeypatch.setattr(audit_queue, name, value)
    audit, queue = SlowAudit(), queue_of()
    audit.down = True
    async with followed(queue, audit):
        for n in range(100):
            queue.put(record(f"user {n}"))
            await asyncio.sleep(0.002)
        assert len(queue._waiting) <= 3 + 5
        audit.down = False
        await eventually(lambda: sum(count for _, count in audit.said()) == 100, within=5)


async def test_what_is_being_appended_at_the_end_is_in_the_log_once() -> None:
    audit, queue = SlowAudit(), queue_of()
    audit.open.clear()
    for name in ("a", "b"):
        queue.put(record(name))
    asyncio.get_running_loop().call_later(0.05, audit.open.set)
    async with followed(queue, audit):
        await eventually(lambda: audit.begun == 2)
        queue.put(record("c"))
    assert audit.said() == [("a", 1), ("b", 1), ("c", 1)]


async def test_it_ends_while_the_log_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "RETRIED_S", 0.1)
    audit, health = SlowAudit(), Health()
    queue = queue_of(health)
    audit.down = True
    async with asyncio.timeout(2), followed(queue, audit):
        queue.put(record("a"))
        await eventually(lambda: not health.ready)
        assert list(health.waiting) == [audit_queue.WAITS_FOR]
    assert audit.records == []


async def test_log_that_answers_nobody_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_queue, "STOP_S", 0.1)
    monkeypatch.setattr(audit_queue, "RETRIED_S", 0.1)
    audit, queue = SlowAudit(), queue_of()
    audit.open.clear()
    async with asyncio.timeout(2), followed(queue, audit):
        queue.put(record("a"))
        await eventually(lambda: audit.begun == 1)
        queue.put(record("b"))


async def test_record_that_may_be_in_the_log_is_repeated_under_its_id() -> None:
    asked: list[str | None] = []

    class Unsure(SlowAudit):
        async def record(
            self, record: AuditRecorded, correlation_id: str, record_id: str | None = None, cause: str = ""
        ) -> None:
            asked.append(record_id)
            if len(asked) == 1:
                raise OutcomeUnknown("slow")
            await super().record(record, correlation_id, record_id)

    queue, audit = queue_of(), Unsure()
    async with followed(queue, audit):
        queue.put(record("ann"))
        await eventually(lambda: len(audit.records) == 1)
    assert asked[0] is not None
    assert asked == [asked[0]] * 2
