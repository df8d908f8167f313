"""Traces a request straight from the topics, where its read model is gone: the same tree from the same records."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.ports.event_log import EventLog, Received
from projections.trace import trace_rows
from projections.trace.arrivals import Message, is_receipt, lowest, messages_of, with_arrivals
from projections.trace.causal_tree import trace_of
from projections.trace.record_headers import envelope_of
from schemas.topics import MESSAGE_DELIVERED, TOPICS, Partition, partition_of, partitions
from schemas.wire.trace import MAX_TRACE_RECORDS, Trace, TraceRecord

Progress = Callable[[int, int], None]
"""Called with the number of records read, and of all there are to read."""
SLACK_MS: Final = 60_000
"""How much earlier than asked for a scan begins: records of several authors are not quite in the order of time."""


async def scan(log: EventLog, tenant: str, correlation_id: str, since_ms: int, progress: Progress) -> Trace:
    """Return the trace of a request from the records that the log got at `since_ms` or later, up to its end now."""
    ends = await log.end_offsets(partitions(*TOPICS))
    start = await starts_at(log, since_ms - SLACK_MS, ends)
    if not start:
        return trace_of(correlation_id, [], MAX_TRACE_RECORDS)
    total, done = sum(ends[at] - offset for at, offset in start.items()), 0
    found: list[TraceRecord] = []
    async for batch in log.read(start, {at: ends[at] for at in start}):
        found += [shown for one in batch if (shown := _shown(one, tenant, correlation_id, since_ms)) is not None]
        if len(found) > 2 * MAX_TRACE_RECORDS:
            found = _earliest(found)
        done += len(batch)
        progress(done, total)
    receipts = await _receipts(log, tenant, found, {at: (start[at], ends[at]) for at in start})
    return trace_of(correlation_id, with_arrivals(found, receipts), MAX_TRACE_RECORDS)


async def _receipts(
    log: EventLog, tenant: str, records: Sequence[TraceRecord], ranges: Mapping[Partition, tuple[int, int]]
) -> dict[Message, list[TraceRecord]]:
    """Return the receipts of these records' messages: the partitions of their conversations are read once more."""
    messages = messages_of(records)
    places = {partition_of(MESSAGE_DELIVERED, one.conversation_id.encode()) for one in messages} & ranges.keys()
    if not places:
        return {}
    keys = {one.conversation_id.encode() for one in messages}
    found: dict[Message, list[TraceRecord]] = {message: [] for message in messages}
    async for batch in log.read({at: ranges[at][0] for at in places}, {at: ranges[at][1] for at in places}):
        for record in batch:
            envelope = envelope_of(record)
            if envelope is None or envelope.tenant != tenant or record.key not in keys:
                continue
            shown, _ = trace_rows.read(envelope, record)
            for message in messages:
                if is_receipt(shown) and message.conversation_id == shown.key:
                    found[message].append(shown)
    return {message: lowest(receipts, message.seq) for message, receipts in found.items()}


def _earliest(found: list[TraceRecord]) -> list[TraceRecord]:
    """Return as many of the earliest records as a trace has, and one more, which says that there are others."""
    return sorted(found, key=lambda one: one.recorded_ms)[: MAX_TRACE_RECORDS + 1]


def _shown(record: Received, tenant: str, correlation_id: str, since_ms: int) -> TraceRecord | None:
    if 0 < record.timestamp_ms < since_ms or not _names(record, correlation_id.encode()):
        return None
    envelope = envelope_of(record)
    if envelope is None or envelope.tenant != tenant:
        return None
    return trace_rows.of_request(envelope, record, correlation_id)


def _names(record: Received, correlation_id: bytes) -> bool:
    """Return whether the record has this id where a trace looks for it; most have not, and are not decoded."""
    if any(name == "correlation_id" and value == correlation_id for name, value in record.headers):
        return True
    return record.topic == MESSAGE_DELIVERED and correlation_id in (record.value or b"")


async def starts_at(log: EventLog, since_ms: int, ends: Mapping[Partition, int]) -> dict[Partition, int]:
    """Return, for each partition with records of `since_ms` or later, an offset before which there are none of them,
    found by halves: each round reads one record of each partition.
    """
    low = {at: offset for at, offset in (await log.beginning_offsets(ends)).items() if offset < ends[at]}
    high = {at: ends[at] for at in low}
    while open_ := {at: (low[at] + high[at]) // 2 for at in low if since_ms > 0 and low[at] < high[at]}:
        seen = {one.at(): one for one in await _one_of_each(log, open_)}
        for at, middle in open_.items():
            record = seen.get(at)
            if record is not None and 0 < record.timestamp_ms < since_ms:
                low[at] = middle + 1
            else:
                high[at] = middle
    return {at: offset for at, offset in low.items() if offset < ends[at]}


async def _one_of_each(log: EventLog, at: Mapping[Partition, int]) -> Sequence[Received]:
    until = {one: offset + 1 for one, offset in at.items()}
    return [record async for batch in log.read(at, until) for record in batch]
