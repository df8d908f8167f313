"""A record of a service is in the log when `record` returns."""

import pytest
from msgspec import structs

from core.ports.event_log import Unavailable
from schemas.envelope import Known, Record, read
from schemas.events import AuditRecorded
from schemas.topics import AUDIT_LOG, partition_of
from streams.audit.log_audit import LogAudit
from streams.log.memory import MemoryLog
from tests.given import AT, CORRELATION, TENANT


class FixedClock:
    def now(self) -> str:
        return AT


RECORD = AuditRecorded(
    tenant=TENANT,
    at=AT,
    actor="olga",
    action="audit:query",
    entity_type="audit_log",
    entity_id="",
    outcome="success",
    purpose="case 4711",
)


async def test_record_is_durable_when_it_returns(log: MemoryLog) -> None:
    audit = LogAudit(log, FixedClock(), "/caas/compliance", iter(["id1"]).__next__)
    assert audit.now() == AT
    await audit.record(RECORD, CORRELATION)
    at = partition_of(AUDIT_LOG, TENANT.encode())
    (found,) = log.storage.records[at]
    reading = read(found.topic, found.key, found.value, found.headers)
    assert isinstance(reading, Known)
    assert reading.event == structs.replace(RECORD, classification="personal_data")
    about = reading.envelope
    assert (about.id, about.source, about.actor, about.correlation_id) == (
        "id1",
        "/caas/compliance",
        "olga",
        CORRELATION,
    )


async def test_record_continues_the_trace_of_its_request(log: MemoryLog) -> None:
    audit = LogAudit(log, FixedClock(), "/caas/compliance", lambda: "fa5d30c8-58d6-5a56-a3c0-3d063e553272")
    await audit.record(RECORD, CORRELATION, cause=f"00-{'ab' * 16}-{'cd' * 8}-01")
    (found,) = log.storage.records[partition_of(AUDIT_LOG, TENANT.encode())]
    assert dict(found.headers)["traceparent"] == f"00-{'ab' * 16}-fa5d30c858d65a56-01".encode()


async def test_log_that_is_down_is_raised(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: Record) -> int:
        raise Unavailable("down")

    monkeypatch.setattr(log, "append", refuse)
    with pytest.raises(Unavailable):
        await LogAudit(log, FixedClock(), "/caas/compliance", lambda: "id1").record(RECORD, CORRELATION)


async def test_record_of_a_service_keeps_what_the_service_says_that_it_concerns(log: MemoryLog) -> None:
    given = structs.replace(RECORD, action="media:downloaded", classification="content", reported_by="media")
    await LogAudit(log, FixedClock(), "/caas/compliance", lambda: "id1").record(given, CORRELATION, "id2")
    (found,) = log.storage.records[partition_of(AUDIT_LOG, TENANT.encode())]
    reading = read(found.topic, found.key, found.value, found.headers)
    assert isinstance(reading, Known)
    assert (reading.event, reading.envelope.id) == (given, "id2")
