"""The attributes of spans: those of OpenTelemetry's conventions for messaging (1.44), and `caas.*` for what they lack.

None has content, or says who did it or in which conversation. `messaging.message.conversation_id` is, as the
conventions have it, the correlation id.
"""

from typing import Final

from core.ports.event_log import Received
from core.positions import offset_of
from schemas import trace_context
from schemas.envelope import Headers, Record
from schemas.topics import partition_of

Attributes = dict[str, str | int]
ERROR: Final = "error.type"
OUTCOME: Final = "caas.outcome"
PROJECTION: Final = "caas.projection.name"
SESSIONS: Final = "caas.ws.sessions"
_ATTRIBUTE_OF: Final = {
    "ce_id": "messaging.message.id",
    "correlation_id": "messaging.message.conversation_id",
    "ce_type": "caas.event.type",
    "ce_tenantid": "caas.tenant.id",
}
_SAMPLED: Final = (b"1", b"3")
_TRACEPARENT: Final = "traceparent"
_PLACE: Final = 11
"""Where our records have their trace context among their headers."""


def is_sampled_in(headers: Headers) -> bool:
    """Return whether the trace context in the headers of a record says that it is sampled. It is asked of each record
    that is read.
    """
    if (
        len(headers) > _PLACE
        and headers[_PLACE][0] == _TRACEPARENT
        and (headers[_PLACE][1] or b"")[-1:] not in _SAMPLED
    ):
        return False
    return trace_context.is_sampled(traceparent_in(headers))


def traceparent_in(headers: Headers) -> str:
    """Return the trace context in the headers of a record, empty if there is none."""
    return _context_in(headers).decode("ascii", "replace")


def _context_in(headers: Headers) -> bytes:
    if len(headers) > _PLACE and headers[_PLACE][0] == _TRACEPARENT:
        return headers[_PLACE][1] or b""
    return next((value for name, value in headers if name == _TRACEPARENT and value), b"")


def causation_in(headers: Headers) -> str:
    """Return the id of the event that a record was derived from, empty if it was not."""
    return next((value.decode("ascii", "replace") for name, value in headers if name == "ce_causationid" and value), "")


def of_operation(operation: str, system: str) -> Attributes:
    """Return the attributes of an operation of messaging: `send` or `process`."""
    return {"messaging.operation.name": operation, "messaging.operation.type": operation, "messaging.system": system}


def of_record(operation: str, system: str, record: Record | Received) -> Attributes:
    """Return the attributes of an operation with one record."""
    found: Attributes = {
        **of_operation(operation, system),
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(_partition(record)),
    }
    if isinstance(record, Received):
        found["messaging.kafka.offset"] = record.offset
    for name, value in record.headers:
        if value and (attribute := _ATTRIBUTE_OF.get(name)) is not None:
            found[attribute] = value.decode("utf-8", "replace")
    return found


def of_position(position: int) -> Attributes:
    """Return the attribute of where an append put its record."""
    return {"messaging.kafka.offset": offset_of(position)}


def of_batch(system: str, processor: str, count: int) -> Attributes:
    """Return the attributes of a batch of records of a processor."""
    return of_operation("process", system) | {
        "messaging.batch.message_count": count,
        "messaging.consumer.group.name": f"caas-{processor}",
        PROJECTION: processor,
    }


def _partition(record: Record | Received) -> int:
    return record.partition if isinstance(record, Received) else partition_of(record.topic, record.key).number
