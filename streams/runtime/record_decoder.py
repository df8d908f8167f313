"""From records to facts: what counts goes on, what is no event of ours goes to the dead letters with its cause."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.event_log import Received
from projections.facts import Fact
from schemas import envelope
from schemas.envelope import Foreign, Headers, Known, Record, Unreadable
from schemas.topics import DEAD_LETTER

LARGEST: Final = 900_000
"""What the log takes of a dead letter, in bytes: less than of any record, since it says why it died as well."""
KEPT: Final = 10_000
"""So many bytes are kept of a key or a value that are larger together."""


@dataclass(frozen=True, slots=True)
class Read:
    """A batch of records: facts in order, and the dead letters of the others and of what could not be read."""

    facts: Sequence[Fact]
    dead: Sequence[Record]


def read(batch: Sequence[Received], processor: str, takes: Callable[[str], bool]) -> Read:
    """Read every record; never raises. An unreadable one counts and is told to the dead letters as well.

    An event whose type the processor does not take is neither a fact nor dead: that is seen from its headers alone.
    """
    facts: list[Fact] = []
    dead: list[Record] = []
    for record in batch:
        match envelope.read(record.topic, record.key, record.value, record.headers):
            case Known(found) | Unreadable(found) if not takes(found.type):
                continue
            case Known(found, event):
                facts.append(Fact(record.topic, record.position, found, event))
            case Unreadable(found, cause):
                facts.append(Fact(record.topic, record.position, found, None))
                dead.append(dead_letter(record, processor, "unreadable", cause))
            case Foreign(cause):
                dead.append(dead_letter(record, processor, "foreign", cause))
    return Read(facts, dead)


def dead_letter(record: Received, processor: str, code: str, cause: str) -> Record:
    """The record as it was, with why and where it died: header names as Kafka Streams has them (KIP-1034).

    One that would not fit into the log again is cut, and says how many bytes it had: the whole lies where it died.
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
    if (size := _size(record)) > LARGEST:
        key = None if key is None else key[:KEPT]
        value = None if value is None else value[:KEPT]
        headers = (("caas_dlq_cut", str(size).encode()),)
    return Record(DEAD_LETTER, key, value, (*headers, *why))


def _size(record: Received) -> int:
    said = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + said
