"""From records to facts: what counts goes on, what is no event of ours goes to the dead letters with its cause."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ports.event_log import Received
from projections.facts import Fact
from schemas import envelope
from schemas.envelope import Foreign, Headers, Known, Record, Unreadable
from schemas.topics import DEAD_LETTER


@dataclass(frozen=True, slots=True)
class Read:
    """A batch of records: facts in order, and the dead letters of the others and of what could not be read."""

    facts: Sequence[Fact]
    dead: Sequence[Record]


def read(batch: Sequence[Received], processor: str) -> Read:
    """Read every record; never raises. An unreadable one counts and is told to the dead letters as well."""
    facts: list[Fact] = []
    dead: list[Record] = []
    for record in batch:
        match envelope.read(record.topic, record.key, record.value, record.headers):
            case Known(found, event):
                facts.append(Fact(record.topic, record.position, found, event))
            case Unreadable(found, cause):
                facts.append(Fact(record.topic, record.position, found, None))
                dead.append(dead_letter(record, processor, "unreadable", cause))
            case Foreign(cause):
                dead.append(dead_letter(record, processor, "foreign", cause))
    return Read(facts, dead)


def dead_letter(record: Received, processor: str, code: str, cause: str) -> Record:
    """The record as it was, with why and where it died: header names as Kafka Streams has them (KIP-1034)."""
    why: Headers = (
        ("__streams.errors.topic", record.topic.encode()),
        ("__streams.errors.partition", str(record.partition).encode()),
        ("__streams.errors.offset", str(record.offset).encode()),
        ("__streams.errors.message", cause[:1000].encode()),
        ("caas_dlq_projection", processor.encode()),
        ("caas_dlq_code", code.encode()),
    )
    return Record(DEAD_LETTER, record.key, record.value, (*record.headers, *why))
