"""Folds records into rows of a trace: one for each record, under its place in the log.

The row's id is `topic/partition/offset`: what is twice in the log is shown twice, and no two records share a row,
whatever ids their authors gave them. Facet `log`: `{pos, time, record}`, `record` a `TraceRecord` without defaults,
`time` when the log got it, in milliseconds since 1970. That of a member's receipt has `reached` too, the number of the
last message that it is of, and the row its `conversation_id`. A record without a tenant or a correlation id has no row.

A `message.delivered` names messages of several requests and has the correlation id of one. For each of the others the
table `named` has a row: `{pos, time, place, id, count, seq}`, the record's place, the last event of that request in it,
how many there are, and the number of that message, null if it is a change of one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from core.ports.documents import Index, Row, Table, Write
from core.ports.event_log import Received
from projections.expiry import aged_by
from projections.facts import Fact
from projections.trace.arrivals import is_receipt
from projections.trace.record_headers import Named, death_of, decision_of, delivered_of, envelope_of
from schemas import topics
from schemas.envelope import Envelope, size_of
from schemas.wire.trace import TraceRecord

MODEL: Final = "trace"
LANE: Final = "log"
TIME: Final = f"{LANE}.time"
CORRELATION: Final = "correlation"
_BY_CORRELATION: Final = Index(CORRELATION, ("tenant", "correlation_id"), TIME)
REACHED: Final = f"{LANE}.reached"
_BY_REACHED: Final = Index("reached", ("tenant", "conversation_id"), REACHED)
RECORDS: Final = Table(MODEL, "records", (_BY_CORRELATION, _BY_REACHED, aged_by(TIME)))
NAMED: Final = Table(MODEL, "named", (_BY_CORRELATION, aged_by(TIME)))
Groups = Mapping[str, Sequence[Named]]
"""The messages that a record names, by correlation id."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The rows to save."""

    records: Sequence[Write]
    named: Sequence[Write]


def fact_of(record: Received) -> Fact | None:
    """Return a record as a fact, whether it is an event of ours or not; None if it has no row."""
    envelope = envelope_of(record)
    return (
        None if envelope is None else Fact(record.topic, record.position, envelope, None, record.timestamp_ms, record)
    )


def fold(facts: Iterable[Fact]) -> Folded:
    """Return the rows of these facts, each of which has its record."""
    records: list[Write] = []
    named: list[Write] = []
    for fact in facts:
        if fact.record is not None:
            found, groups = read(fact.envelope, fact.record)
            records.append(_write(fact, found))
            named += _named(fact, found, groups)
    return Folded(records, named)


def read(envelope: Envelope, record: Received) -> tuple[TraceRecord, Groups]:
    """Return what a trace shows of a record, and the messages of other requests that it names."""
    dead = record.topic == topics.DEAD_LETTER
    about: dict[str, Any] = {**decision_of(record), **death_of(record)}
    groups: dict[str, list[Named]] = {}
    if (delivered := delivered_of(record)) is not None:
        about = {"stage": delivered.stage, "seq": delivered.seq or None}
        about |= {"by": delivered.by or None, "device": delivered.device or None}
        for message in delivered.messages:
            groups.setdefault(message.correlation_id or envelope.correlation_id, []).append(message)
    found = TraceRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        recorded_ms=record.timestamp_ms,
        bytes=size_of(record.key, record.value, record.headers),
        type=envelope.type,
        id="" if dead else envelope.id,
        cause=envelope.id if dead else envelope.causation_id,
        source=envelope.source,
        actor=envelope.actor,
        key=envelope.subject,
        occurred_at=envelope.time,
        **about,
    )
    own = groups.pop(envelope.correlation_id, [])
    return (_about(found, own) if own else found), groups


def of_request(envelope: Envelope, record: Received, correlation_id: str) -> TraceRecord | None:
    """Return what the trace of this request shows of a record; None if it is not in it."""
    found, groups = read(envelope, record)
    if envelope.correlation_id == correlation_id:
        return found
    return _about(found, groups[correlation_id]) if correlation_id in groups else None


def record_of(row: Row) -> TraceRecord:
    """Return the record of a row."""
    return msgspec.convert(row[LANE]["record"], TraceRecord)


def place_of(named: Row) -> str:
    """Return the id of the row of the record that names a message."""
    place: str = named[LANE]["place"]
    return place


def as_named(record: TraceRecord, named: Row) -> TraceRecord:
    """Return a record as the trace of a request shows it that it names messages of."""
    facet = named[LANE]
    return msgspec.structs.replace(record, cause=facet["id"], names=facet["count"], seq=facet["seq"])


def _about(record: TraceRecord, messages: Sequence[Named]) -> TraceRecord:
    last = messages[-1]
    cause = last.event_id or record.cause
    return msgspec.structs.replace(record, cause=cause, names=len(messages), seq=last.number)


def _write(fact: Fact, record: TraceRecord) -> Write:
    fixed = {"tenant": fact.envelope.tenant, "correlation_id": fact.envelope.correlation_id}
    facet = {"pos": fact.position, "time": fact.recorded_ms, "record": msgspec.to_builtins(record)}
    if is_receipt(record):
        fixed["conversation_id"], facet["reached"] = record.key, record.seq
    return Write(record.place, fixed, {LANE: facet})


def _named(fact: Fact, record: TraceRecord, groups: Groups) -> Iterator[Write]:
    for number, (correlation_id, messages) in enumerate(groups.items()):
        last = messages[-1]
        about = {"place": record.place, "id": last.event_id or record.cause, "count": len(messages), "seq": last.number}
        facet = {"pos": fact.position, "time": fact.recorded_ms, **about}
        fixed = {"tenant": fact.envelope.tenant, "correlation_id": correlation_id}
        yield Write(f"{record.place}:{number}", fixed, {LANE: facet})
