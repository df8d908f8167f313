"""Encodes an event as a record: JSON in the value, CloudEvents 1.0 (Kafka binding, binary mode) in the headers."""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from schemas import events, trace_context
from schemas.events import AuditRecorded, Event, MessageRejected, UserActed, upcast
from schemas.events.inbox import InboxEvent

Headers = tuple[tuple[str, bytes], ...]

_encoder: Final = msgspec.json.Encoder()
_SPEC: Final = ("ce_specversion", b"1.0")
ENVELOPE_HEADERS: Final = frozenset(
    [
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_time",
        "ce_subject",
        "ce_tenantid",
        "ce_authid",
        "correlation_id",
        "ce_causationid",
        "ce_actorcontext",
    ]
)
"""The headers that an envelope is read from."""
MAX_HEADER_BYTES: Final = 512
"""Maximum size of an envelope header, in bytes: an index accepts it as an id, and every effect can copy it."""
MAX_MESSAGE_ID_CHARS: Final = 128
_JSON: Final = ("content-type", b"application/json")
_KEY_FIELD: Final[dict[type[Event], str]] = {
    **dict.fromkeys(events.TOPIC_OF, "conversation_id"),
    **dict.fromkeys((*get_args(InboxEvent), MessageRejected, UserActed), "user_id"),
    AuditRecorded: "tenant",
}


class Record(msgspec.Struct, frozen=True):
    """A record of the log: a topic, a key, a value and headers, all bytes as in Kafka."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Return the size of a record in bytes."""
    return len(key or b"") + len(value or b"") + sum([len(name) + len(of or b"") for name, of in headers])


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event's metadata, from its headers; these and the key alone decide whether a record takes a number.

    `actor_context` is how its actor came here, a JSON text of `core.audit.actor_context`, empty where nobody knows.
    `traceparent` is its own trace context (`schemas.trace_context`); whatever else stands there changes nothing.
    """

    id: str
    type: str
    source: str
    time: str
    subject: str
    tenant: str
    correlation_id: str
    actor: str = ""
    causation_id: str = ""
    actor_context: str = ""
    traceparent: str = ""


class Known(msgspec.Struct, frozen=True):
    """A record whose event was decoded."""

    envelope: Envelope
    event: Event


class Unreadable(msgspec.Struct, frozen=True):
    """A record with our headers whose body cannot be decoded: it takes a number, and is unreadable until upcast."""

    envelope: Envelope
    cause: str


class Foreign(msgspec.Struct, frozen=True):
    """A record that is not an event of ours: it goes to the dead letters and takes no number."""

    cause: str


Reading = Known | Unreadable | Foreign


def key_of(event: Event) -> str:
    """Return the key of the event's record."""
    key: str = getattr(event, _KEY_FIELD[type(event)])
    return key


def encode(
    event: Event,
    *,
    event_id: str,
    source: str,
    correlation_id: str,
    actor: str,
    causation_id: str = "",
    actor_context: str = "",
    cause: str = "",
) -> Record:
    """Return the record of an event, ready to append; `cause` is the trace context that it continues."""
    key = key_of(event)
    envelope = Envelope(
        id=event_id,
        type=events.TYPE_OF[type(event)],
        source=source,
        time=event.at,
        subject=key,
        tenant=event.tenant,
        correlation_id=correlation_id,
        actor=actor,
        causation_id=causation_id,
        actor_context=actor_context,
        traceparent=trace_context.of_record(event_id, correlation_id, cause),
    )
    return Record(events.TOPIC_OF[type(event)], key.encode(), _encoder.encode(event), headers_of(envelope))


def headers_of(envelope: Envelope) -> Headers:
    """Return the envelope as Kafka headers."""
    correlation = envelope.correlation_id.encode()
    subject = envelope.subject.encode()
    headers: Headers = (
        _SPEC,
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_time", envelope.time.encode()),
        ("ce_subject", subject),
        ("ce_partitionkey", subject),
        ("ce_tenantid", envelope.tenant.encode()),
        ("ce_authid", envelope.actor.encode()),
        ("ce_correlationid", correlation),
        ("correlation_id", correlation),
        ("traceparent", envelope.traceparent.encode()),
        _JSON,
    )
    if envelope.actor_context:
        headers = (*headers, ("ce_actorcontext", envelope.actor_context.encode()))
    if envelope.causation_id:
        headers = (*headers, ("ce_causationid", envelope.causation_id.encode()))
    return headers


def read(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Reading:
    """Decode a record. Never raises: any bytes give one of the three kinds of `Reading`."""
    envelope = _envelope(topic, key, headers)
    if isinstance(envelope, str):
        return Foreign(envelope)
    try:
        event = upcast.decode(envelope.type, value or b"")
    except upcast.Undecodable as error:
        return Unreadable(envelope, str(error))
    mismatch = _mismatch(event, envelope)
    return Unreadable(envelope, mismatch) if mismatch else Known(envelope, event)


def _mismatch(event: Event, envelope: Envelope) -> str:
    """Return why this body contradicts these headers or exceeds a limit; empty if it does not."""
    if key_of(event) != envelope.subject:
        return "the body names another key than the record has"
    if event.tenant != envelope.tenant:
        return "the body names another tenant than the record has"
    if len(getattr(event, "message_id", None) or "") > MAX_MESSAGE_ID_CHARS:
        return f"the body has a message id of more than {MAX_MESSAGE_ID_CHARS} characters"
    if len(getattr(event, "conversation_id", None) or "") > MAX_HEADER_BYTES:
        return f"the body has a conversation id of more than {MAX_HEADER_BYTES} characters"
    return ""


def _envelope(topic: str, key: bytes | None, headers: Headers) -> Envelope | str:
    """Return the envelope in these headers, or why there is none."""
    found = dict(headers)
    try:
        envelope = Envelope(
            id=found["ce_id"].decode(),
            type=found["ce_type"].decode(),
            source=found["ce_source"].decode(),
            time=found["ce_time"].decode(),
            subject=found["ce_subject"].decode(),
            tenant=found["ce_tenantid"].decode(),
            correlation_id=found["correlation_id"].decode(),
            actor=(found.get("ce_authid") or b"").decode(),
            causation_id=(found.get("ce_causationid") or b"").decode(),
            actor_context=(found.get("ce_actorcontext") or b"").decode(),
            traceparent=(found.get("traceparent") or b"").decode("ascii", "replace"),
        )
    except KeyError as missing:
        return f"no header {missing.args[0]}"
    except UnicodeDecodeError:
        return "a header that is not UTF-8"
    except AttributeError:  # Kafka allows headers without a value, which clients return as None
        return "a header without a value"
    return _header_problem(topic, key, found, envelope.type) or envelope


def _header_problem(topic: str, key: bytes | None, found: Mapping[str, bytes], event_type: str) -> str:
    """Return why a record with these headers is not valid in this topic; empty if it is."""
    size = sum([len(value or b"") for value in found.values()])
    if size > MAX_HEADER_BYTES and any(len(found.get(name) or b"") > MAX_HEADER_BYTES for name in ENVELOPE_HEADERS):
        return f"a header of more than {MAX_HEADER_BYTES} bytes"
    if upcast.topic_of(event_type) != topic:
        return f"type {event_type[:80]!r} does not belong to this topic"
    return "" if key is not None and key == found["ce_subject"] else "the key is not the subject"
