"""A record is classified by its key and headers alone; decoding one never raises, for any bytes."""

import msgspec
import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from hypothesis import given
from hypothesis import strategies as st

from schemas import envelope, events
from schemas.envelope import Foreign, Headers, Known, Reading, Record, Unreadable, key_of
from schemas.events import Event
from tests.given import AT, CORRELATION, ROOM, TENANT
from tests.schemas.samples import MESSAGE, SAMPLES, record_of

SENT = record_of(SAMPLES[0])
EDITED = record_of(SAMPLES[1])


def read(record: Record) -> Reading:
    return envelope.read(record.topic, record.key, record.value, record.headers)


def with_value(value: bytes | None) -> Record:
    return msgspec.structs.replace(SENT, value=value)


def with_headers(**changed: bytes | None) -> Record:
    kept = tuple((name, value) for name, value in SENT.headers if name not in changed)
    added = tuple((name, value) for name, value in changed.items() if value is not None)
    return msgspec.structs.replace(SENT, headers=kept + added)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_encoded_event_is_decoded_again(event: Event) -> None:
    reading = read(record_of(event))
    assert isinstance(reading, Known)
    assert reading.event == event
    assert reading.envelope.subject == key_of(event)
    assert (reading.envelope.tenant, reading.envelope.time) == (TENANT, AT)
    assert (reading.envelope.correlation_id, reading.envelope.actor) == (CORRELATION, "bob")


def test_a_derived_event_has_its_causation_id() -> None:
    record = envelope.encode(
        SAMPLES[0], event_id=MESSAGE, source="x", correlation_id=CORRELATION, actor="bob", causation_id="cause"
    )
    reading = read(record)
    assert isinstance(reading, Known)
    assert reading.envelope.causation_id == "cause"


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_the_cloudevents_library_decodes_our_records(event: Event) -> None:
    record = record_of(event)
    assert record.value is not None
    found = kafka.from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))
    headers = dict(record.headers)
    assert found.get_id() == headers["ce_id"].decode()
    assert found.get_source() == "/caas/edge/node-1"
    assert found.get_type() == events.TYPE_OF[type(event)]
    assert found.get_specversion() == "1.0"
    assert found.get_subject() == found.get_extension("partitionkey") == key_of(event)
    time = found.get_time()
    assert time is not None
    assert time.isoformat(timespec="milliseconds").replace("+00:00", "Z") == AT
    assert found.get_datacontenttype() == "application/json"
    assert (found.get_extension("tenantid"), found.get_extension("authid")) == (TENANT, "bob")
    assert found.get_extension("correlationid") == CORRELATION
    assert found.get_data() == msgspec.json.decode(record.value)


def test_one_search_for_the_trace_finds_the_correlation_id() -> None:
    version, trace, span, flags = dict(SENT.headers)["traceparent"].decode().split("-")
    assert (version, trace, flags) == ("00", CORRELATION.replace("-", ""), "00")
    assert MESSAGE.replace("-", "").startswith(span)
    assert len(span) == 16


def test_a_record_continues_the_trace_of_its_cause() -> None:
    cause = f"00-{'ab' * 16}-{'cd' * 8}-01"
    record = envelope.encode(
        SAMPLES[0], event_id=MESSAGE, source="x", correlation_id=CORRELATION, actor="bob", cause=cause
    )
    reading = read(record)
    assert isinstance(reading, Known)
    assert reading.envelope.traceparent == f"00-{'ab' * 16}-{MESSAGE.replace('-', '')[:16]}-01"
    assert envelope.headers_of(reading.envelope) == record.headers


@pytest.mark.parametrize("context", [None, b"", b"\xff\xfe", b"rubbish" * 1000])
def test_a_wrong_trace_context_changes_nothing_of_a_record(context: bytes | None) -> None:
    reading = read(with_headers(traceparent=context))
    assert isinstance(reading, Known)
    assert reading.event == SAMPLES[0]


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_tenantid", "correlation_id"]
)
def test_a_record_without_one_of_our_headers_is_foreign(name: str) -> None:
    reading = read(with_headers(**{name: None}))
    assert reading == Foreign(f"no header {name}")


@pytest.mark.parametrize("name", [name for name, _ in SENT.headers])
def test_a_header_without_a_value_counts_as_missing(name: str) -> None:
    nulled = tuple((key, None if key == name else value) for key, value in SENT.headers)
    reading = envelope.read(SENT.topic, SENT.key, SENT.value, nulled)  # type: ignore[arg-type]
    without = read(with_headers(**{name: None}))
    assert reading == (Foreign("a header without a value") if isinstance(without, Foreign) else without)


def test_a_record_with_a_header_that_is_not_text_is_foreign() -> None:
    assert read(with_headers(ce_id=b"\xff")) == Foreign("a header that is not UTF-8")


@pytest.mark.parametrize("kind", [b"com.other.v1", b"caas.message.edited.v1", b"", b"caas.message.sent"])
def test_a_type_of_another_family_or_topic_is_foreign(kind: bytes) -> None:
    assert isinstance(read(with_headers(ce_type=kind)), Foreign)


@pytest.mark.parametrize("key", [None, b"", b"another"])
def test_a_record_whose_key_is_not_its_subject_is_foreign(key: bytes | None) -> None:
    assert read(msgspec.structs.replace(SENT, key=key)) == Foreign("the key is not the subject")


UNREADABLE = {
    "no body": None,
    "empty": b"",
    "no JSON": b"{",
    "not UTF-8": (SENT.value or b"").replace(b"bob", b"\xff"),
    "half a surrogate": (SENT.value or b"").replace(b"bob", b"\\ud800"),
    "a field missing": b'{"type":"caas.message.sent.v1","tenant":"acme"}',
    "a field of another type": (SENT.value or b"").replace(b'"bob"', b"3"),
    "another event's body": EDITED.value,
    "another key's body": (SENT.value or b"").replace(ROOM.encode(), MESSAGE.encode()),
    "another tenant's body": (SENT.value or b"").replace(b'"acme"', b'"else"'),
    "a number that no store takes": (SENT.value or b"").replace(b'_n":1', b'_n":' + b"9" * 30),
    "a number that nothing takes": (SENT.value or b"").replace(b'_n":1', b'_n":' + b"9" * 5000),
    "nested without end": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_undecodable_body_is_unreadable(value: bytes | None) -> None:
    reading = read(with_value(value))
    assert isinstance(reading, Unreadable)
    assert (reading.envelope.id, reading.envelope.subject) == (MESSAGE, ROOM)
    assert reading.cause


def test_a_newer_version_is_unreadable() -> None:
    reading = read(with_headers(ce_type=b"caas.message.sent.v2"))
    assert isinstance(reading, Unreadable)
    assert reading.envelope.type == "caas.message.sent.v2"


@given(st.binary(max_size=200))
def test_any_body_gives_a_numbered_record(value: bytes) -> None:
    assert isinstance(read(with_value(value)), Known | Unreadable)


@given(
    st.text(max_size=20),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=50),
    st.lists(st.tuples(st.sampled_from([name for name, _ in SENT.headers]) | st.text(max_size=9), st.binary())),
)
def test_any_record_is_decoded_without_an_error(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    assert isinstance(envelope.read(topic, key, value, tuple(headers)), Known | Unreadable | Foreign)


@given(st.dictionaries(st.sampled_from([name for name, _ in SENT.headers]), st.none() | st.binary(max_size=9)))
def test_any_headers_are_decoded_without_an_error(changed: dict[str, bytes | None]) -> None:
    assert isinstance(read(with_headers(**changed)), Known | Unreadable | Foreign)


@pytest.mark.parametrize("name", sorted(envelope.ENVELOPE_HEADERS - {"ce_type", "ce_subject"}))
def test_a_record_with_a_header_too_long_for_effects_is_foreign(name: str) -> None:
    assert read(with_headers(**{name: b"x" * 513})) == Foreign("a header of more than 512 bytes")
    assert not isinstance(read(with_headers(**{name: b"x" * 512})), Foreign)


def test_a_body_with_a_message_id_too_long_for_an_index_is_unreadable() -> None:
    event = msgspec.structs.replace(SAMPLES[1], message_id="x" * 129)
    assert isinstance(read(record_of(event)), Unreadable)


def test_record_has_the_context_of_its_actor() -> None:
    record = envelope.encode(
        SAMPLES[0],
        event_id=MESSAGE,
        source="/s",
        correlation_id=CORRELATION,
        actor="bob",
        actor_context='{"session":"s"}',
    )
    assert ("ce_actorcontext", b'{"session":"s"}') in record.headers
    reading = read(record)
    assert isinstance(reading, Known)
    assert reading.envelope.actor_context == '{"session":"s"}'
    assert "ce_actorcontext" not in dict(SENT.headers)
    assert isinstance(read(with_headers(ce_actorcontext=b"x" * 513)), Foreign)
