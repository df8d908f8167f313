"""Reads what a trace needs of any record from its key and headers, also of one that is no event of ours.

Of a body it reads the few fields that no header has: the code of a rejection, the outcome of an audit record, the stage
of a delivery and whom it is about.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from core.audit.derived import outcome_of
from core.ports.event_log import Received
from schemas import topics
from schemas.envelope import MAX_HEADER_BYTES, Envelope
from schemas.events.audit import Outcome

Text = Annotated[str, Meta(max_length=MAX_HEADER_BYTES)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
MAX_MESSAGES: Final = 1000
"""Maximum number of messages in a record that is read: ten times as many as one of ours has."""
_FIELD_OF: Final = {
    "ce_id": "id",
    "ce_type": "type",
    "ce_source": "source",
    "ce_time": "time",
    "ce_tenantid": "tenant",
    "ce_authid": "actor",
    "ce_causationid": "causation_id",
    "correlation_id": "correlation_id",
}
_NOTHING: Final = dict.fromkeys((*_FIELD_OF.values(), "subject"), "")


class Named(msgspec.Struct, frozen=True):
    """A message that a delivery names."""

    event_id: Text = ""
    correlation_id: Text = ""
    seq: Count = 0
    lane: Text = "sent"

    @property
    def number(self) -> int | None:
        """The number of a message in its conversation; None if this is a change of one."""
        return self.seq or None if self.lane == "sent" else None


class Delivered(msgspec.Struct, frozen=True):
    """What the body of a `message.delivered` says, in any version."""

    stage: Literal["persisted", "delivered", "read"]
    messages: Annotated[list[Named], Meta(max_length=MAX_MESSAGES)] = []
    seq: Count = 0
    by: Text = ""
    device: Text = ""


class _Rejected(msgspec.Struct, frozen=True):
    command: Text
    code: Text


class _Audited(msgspec.Struct, frozen=True):
    action: Text
    outcome: Outcome
    reason: Text | None = None


_delivered: Final = msgspec.json.Decoder(Delivered)
_rejected: Final = msgspec.json.Decoder(_Rejected)
_audited: Final = msgspec.json.Decoder(_Audited)


def envelope_of(record: Received) -> Envelope | None:
    """Return what the headers say, empty where they say nothing; None if nobody could find the record: it has no
    tenant or no correlation id.
    """
    found = dict(_NOTHING)
    for name, value in record.headers:
        field = _FIELD_OF.get(name)
        if field is not None and value is not None and len(value) <= MAX_HEADER_BYTES:
            found[field] = _text(value)
    found["subject"] = _text((record.key or b"")[:MAX_HEADER_BYTES])
    return Envelope(**found) if found["tenant"] and found["correlation_id"] else None


def delivered_of(record: Received) -> Delivered | None:
    """Return what a delivery says; None if this is none, or its body cannot be read."""
    return _read(_delivered, record) if record.topic == topics.MESSAGE_DELIVERED else None


def decision_of(record: Received) -> dict[str, str | None]:
    """Return the fields `action`, `outcome` and `code` of a decision; nothing if this is none, or cannot be read."""
    if record.topic == topics.MESSAGE_REJECTED and (rejected := _read(_rejected, record)) is not None:
        return {"action": rejected.command, "outcome": outcome_of(rejected.code), "code": rejected.code}
    if record.topic == topics.AUDIT_LOG and (audited := _read(_audited, record)) is not None:
        return {"action": audited.action, "outcome": audited.outcome, "code": audited.reason}
    return {}


def death_of(record: Received) -> dict[str, str | None]:
    """Return the fields `processor`, `origin` and `code` of a dead letter; nothing if this is none."""
    if record.topic != topics.DEAD_LETTER:
        return {}
    found = {name: _text(value) for name, value in record.headers if value is not None and len(value) <= 512}
    origin = "/".join(found.get(f"__streams.errors.{part}", "") for part in ("topic", "partition", "offset"))
    return {"processor": found.get("caas_dlq_projection"), "origin": origin, "code": found.get("caas_dlq_code")}


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _read(decoder: Any, record: Received) -> Any:
    try:
        return decoder.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
