"""Given records of the log, then rows that say where they lie and what they came from, and nothing of their content."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from core.ports.documents import Row
from core.ports.event_log import Received
from projections.trace import trace_rows
from projections.trace.trace_rows import fact_of, fold
from schemas.events import AuditRecorded, MessageDelivered, MessageRejected, PersistedMessage
from schemas.topics import TOPICS
from schemas.wire.trace import TraceRecord
from tests.given import AT, CORRELATION, ROOM, TENANT, sent
from tests.projections.trace.given import AT_MS, OTHER, dead, record_of, stored, without
from tests.schemas.released import released

SENT = stored(record_of(sent(text="a secret"), "e1"), 7)


def rows_of(records: Sequence[Received]) -> tuple[dict[str, Row], dict[str, Row]]:
    folded = fold(fact for record in records if (fact := fact_of(record)) is not None)
    records_, named = (
        {one.id: {"_id": one.id, **one.fixed, **one.facets} for one in writes}
        for writes in (folded.records, folded.named)
    )
    return records_, named


def shown(*records: Received) -> TraceRecord:
    """Return what the one row of these records says."""
    (row,) = rows_of(records)[0].values()
    return trace_rows.record_of(row)


def persisted(*messages: tuple[str, str, int], correlation_id: str = CORRELATION) -> Received:
    """Return the record that says that events, each with its correlation id and number, were saved."""
    named = [
        PersistedMessage(message_id=f"m{n}", sender="ann", seq=n, event_id=event_id, correlation_id=of)
        for event_id, of, n in messages
    ]
    event = MessageDelivered(tenant=TENANT, at=AT, conversation_id=ROOM, stage="persisted", messages=named)
    cause = messages[-1][0]
    return stored(record_of(event, "p1", correlation_id=correlation_id, cause=cause), 3, 20)


def test_record_has_a_row_of_its_place_without_content() -> None:
    (row,) = rows_of([SENT])[0].values()
    assert row["_id"] == f"message.sent/{SENT.partition}/7"
    assert (row["tenant"], row["correlation_id"]) == (TENANT, CORRELATION)
    assert (row["log"]["pos"], row["log"]["time"]) == (SENT.position, AT_MS)
    size = len(SENT.key or b"") + len(SENT.value or b"") + sum(len(name) + len(value) for name, value in SENT.headers)
    assert trace_rows.record_of(row) == TraceRecord(
        topic="message.sent",
        partition=SENT.partition,
        offset=7,
        recorded_ms=AT_MS,
        bytes=size,
        type="caas.message.sent.v1",
        id="e1",
        source="/caas/test",
        actor="ann",
        key=ROOM,
        occurred_at=AT,
    )
    assert b"secret" not in msgspec.json.encode(row)


def test_rejection_says_what_was_refused_and_why() -> None:
    event = MessageRejected(tenant=TENANT, at=AT, user_id="ann", command="message:send", code="not_allowed")
    found = shown(stored(record_of(event, "r1")))
    assert (found.action, found.outcome, found.code) == ("message:send", "denied", "not_allowed")


def test_audit_record_says_how_it_ended() -> None:
    event = AuditRecorded(
        tenant=TENANT,
        at=AT,
        actor="ann",
        action="message:send",
        entity_type="message",
        entity_id="m",
        outcome="success",
    )
    found = shown(stored(record_of(event, "a1", cause="e1")))
    assert (found.action, found.outcome, found.code, found.cause) == ("message:send", "success", None, "e1")


def test_receipt_says_whose_and_how_far() -> None:
    event = MessageDelivered(
        tenant=TENANT, at=AT, conversation_id=ROOM, stage="delivered", seq=9, by="bob", device="phone"
    )
    found = shown(stored(record_of(event, "d1", actor="bob")))
    assert (found.stage, found.seq, found.by, found.device, found.names) == ("delivered", 9, "bob", "phone", None)


def test_record_of_several_requests_is_found_by_each() -> None:
    record = persisted(("e1", CORRELATION, 1), ("e2", OTHER, 2), ("e3", OTHER, 3), ("e4", "third", 4), ("e5", "", 5))
    records, named = rows_of([record])
    ((place, row),) = records.items()
    own = trace_rows.record_of(row)
    assert (own.stage, own.cause, own.names, own.seq) == ("persisted", "e5", 2, 5)
    assert [(one["_id"], one["tenant"], one["correlation_id"]) for one in named.values()] == [
        (f"{place}:0", TENANT, OTHER),
        (f"{place}:1", TENANT, "third"),
    ]
    other = named[f"{place}:0"]
    assert trace_rows.place_of(other) == place
    seen = trace_rows.as_named(own, other)
    assert (seen.cause, seen.names, seen.seq, seen.place) == ("e3", 2, 3, place)


def test_record_that_is_read_from_the_log_is_as_its_rows_say() -> None:
    record = persisted(("e1", CORRELATION, 1), ("e2", OTHER, 2), ("e3", OTHER, 3))
    fact = fact_of(record)
    assert fact is not None
    records, named = rows_of([record])
    (row,), (other,) = records.values(), named.values()
    own = trace_rows.record_of(row)
    assert trace_rows.of_request(fact.envelope, record, CORRELATION) == own
    assert trace_rows.of_request(fact.envelope, record, OTHER) == trace_rows.as_named(own, other)
    assert trace_rows.of_request(fact.envelope, record, "another") is None


def test_dead_letter_hangs_under_the_record_that_died() -> None:
    found = shown(dead(SENT, 5))
    assert (found.id, found.cause, found.processor, found.code) == ("", "e1", "messages", "unreadable")
    assert (found.topic, found.origin) == ("dead.letter", f"message.sent/{SENT.partition}/7")


def test_what_is_twice_in_the_log_has_two_rows() -> None:
    records, _ = rows_of([SENT, msgspec.structs.replace(SENT, offset=8, position=SENT.position + 1)])
    assert [trace_rows.record_of(row).id for row in records.values()] == ["e1", "e1"]


def test_record_that_is_no_event_has_a_row_if_it_can_be_found() -> None:
    foreign = without(SENT, "ce_id", "ce_type", "ce_time", "ce_source")
    found = shown(foreign)
    assert (found.id, found.type, found.source, found.key) == ("", "", "", ROOM)
    for name in ("ce_tenantid", "correlation_id"):
        assert rows_of([without(SENT, name)]) == ({}, {})


@pytest.mark.parametrize("body", [b"", b"{torn", b"[]", b'{"stage": "lost"}', b'{"command": 1}', b"\xff", b"[" * 9000])
@pytest.mark.parametrize("topic", TOPICS)
def test_any_body_has_a_row(topic: str, body: bytes) -> None:
    assert shown(msgspec.structs.replace(SENT, topic=topic, value=body)).topic == topic


@pytest.mark.parametrize(
    "value", [None, b"\xff\xfe", b"x" * 100_000, b"\x1b[2J", b"\x00"], ids=["none", "bytes", "long", "escape", "nul"]
)
def test_any_header_has_a_row_that_a_store_can_keep(value: bytes | None) -> None:
    headers: Any = tuple(
        (name, old if name in {"ce_tenantid", "correlation_id"} else value) for name, old in SENT.headers
    )
    (row,) = rows_of([msgspec.structs.replace(SENT, headers=headers)])[0].values()
    assert len(msgspec.json.encode(row)) < 6_000


@pytest.mark.parametrize("name", released())
def test_every_released_record_has_a_row(name: str) -> None:
    golden = released()[name]
    found = shown(stored(golden.record()))
    assert (found.topic, found.type) == (golden.topic, name)
    assert found.stage == golden.reads_as.get("stage")
    if name == "caas.message.delivered.v2":
        assert found.names == len(golden.reads_as["messages"])
