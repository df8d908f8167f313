"""The record decoder turns records into facts; what is no event of ours becomes a dead letter with its cause."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.event_log import Received
from projections.facts import Fact
from schemas import envelope
from schemas.envelope import MAX_HEADER_BYTES, Foreign, Headers, Known, Record, Unreadable, size_of
from schemas.topics import DEAD_LETTER

MAX_DEAD_LETTER_BYTES: Final = 900_000
"""Maximum size of a dead letter in bytes: less than that of a record, since it also has the cause."""
KEPT_BYTES: Final = 10_000
"""Number of bytes kept of a key and of a value that are too large together."""

FOUND_BY: Final = frozenset({"correlation_id", "traceparent"})


@dataclass(frozen=True, slots=True)
class DecodedRecords:
    """A decoded batch: facts in order, and the dead letters of foreign and unreadable records."""

    facts: Sequence[Fact]
    dead: Sequence[Record]


def read(batch: Sequence[Received], processor: str, takes: Callable[[str], bool]) -> DecodedRecords:
    """Decode every record; never raises. An unreadable record is a fact, since it has a number, and a dead letter as
    well.

    An event whose type the processor does not take is neither a fact nor dead: its headers alone show that.
    """
    facts: list[Fact] = []
    dead: list[Record] = []
    for record in batch:
        match envelope.read(record.topic, record.key, record.value, record.headers):
            case Known(found) | Unreadable(found) if not takes(found.type):
                continue
            case Known(found, event):
                facts.append(Fact(record.topic, record.position, found, event, record.timestamp_ms, record))
            case Unreadable(found, cause):
                facts.append(Fact(record.topic, record.position, found, None, record.timestamp_ms, record))
                dead.append(dead_letter(record, processor, "unreadable", cause))
            case Foreign(cause):
                dead.append(dead_letter(record, processor, "foreign", cause))
    return DecodedRecords(facts, dead)


def dead_letter(record: Received, processor: str, code: str, cause: str) -> Record:
    """Return the record as a dead letter, with its cause and its origin: header names as Kafka Streams has them
    (KIP-1034).

    A record that would not fit into the log again is cut, and its size is in a header; the original is in the log.
    """
    why: Headers = (
        ("__streams.errors.topic", record.topic.encode()),
        ("__streams.errors.partition", str(record.partition).encode()),
        ("__streams.errors.offset", str(record.offset).encode()),
        ("__streams.errors.message", cause[:1000].encode()),
        ("caas_dlq_projection", processor.encode()),
        ("caas_dlq_code", code.encode()),
    )
    key, value, headers = record.key, record.value, record.headers
    if (size := size_of(key, value, headers)) > MAX_DEAD_LETTER_BYTES:
        key = None if key is None else key[:KEPT_BYTES]
        value = None if value is None else value[:KEPT_BYTES]
        headers = (*_found_by(headers), ("caas_dlq_cut", str(size).encode()))
    return Record(DEAD_LETTER, key, value, (*headers, *why))


def _found_by(headers: Headers) -> Headers:
    """Return those of the headers by which a request is followed, unless they are too large, too."""
    return tuple((name, value) for name, value in headers if name in FOUND_BY and len(value or b"") <= MAX_HEADER_BYTES)
