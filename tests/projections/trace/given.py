"""Records in the log, as a trace reads them."""

import msgspec

from core.ports.event_log import Received
from core.positions import position
from schemas import envelope
from schemas.envelope import Record
from schemas.events import Event
from schemas.topics import partition_of
from streams.runtime.record_decoder import dead_letter
from tests.given import CORRELATION

OTHER = "6f1d1f8a-0000-4000-8000-0000000000ee"
AT_MS = 1_795_167_000_000


def record_of(
    event: Event, event_id: str, *, correlation_id: str = CORRELATION, cause: str = "", actor: str = "ann"
) -> Record:
    """Return the record of an event."""
    return envelope.encode(
        event,
        event_id=event_id,
        source="/caas/test",
        correlation_id=correlation_id,
        actor=actor,
        causation_id=cause,
    )


def stored(record: Record, offset: int = 0, after_ms: int = 0) -> Received:
    """Return the record at this offset, recorded so many milliseconds after the first."""
    at = partition_of(record.topic, record.key)
    where = position(1, offset)
    return Received(record.topic, at.number, offset, where, record.key, record.value, record.headers, AT_MS + after_ms)


def dead(record: Received, offset: int = 0, after_ms: int = 0) -> Received:
    """Return the dead letter of a record that `messages` could not use, in the log."""
    return stored(dead_letter(record, "messages", "unreadable", "torn"), offset, after_ms)


def without(record: Received, *names: str) -> Received:
    """Return the record without these headers."""
    kept = tuple((name, value) for name, value in record.headers if name not in names)
    return msgspec.structs.replace(record, headers=kept)
