"""Attributes of spans say where a record is and what it is, and nothing of who wrote it or what it says."""

from core.ports.event_log import Received
from edge.telemetry import span_attributes
from edge.telemetry.span_attributes import causation_in, is_sampled_in, traceparent_in
from schemas import envelope
from schemas.topics import partition_of
from tests.given import CORRELATION, ROOM
from tests.schemas.samples import MESSAGE, SAMPLES, record_of

SENT = record_of(SAMPLES[0])


def test_trace_context_is_found_wherever_it_stands() -> None:
    context = dict(SENT.headers)["traceparent"].decode()
    assert traceparent_in(SENT.headers) == traceparent_in(tuple(reversed(SENT.headers))) == context
    assert SENT.headers[span_attributes._PLACE][0] == "traceparent"  # where it is found at once
    assert traceparent_in(()) == traceparent_in((("traceparent", b""),)) == ""


def test_sampled_is_what_the_context_says() -> None:
    def flagged(flags: str) -> envelope.Headers:
        context = f"00-{'ab' * 16}-{'cd' * 8}-{flags}"
        return tuple((name, context.encode() if name == "traceparent" else value) for name, value in SENT.headers)

    assert [is_sampled_in(flagged(flags)) for flags in ("00", "01", "02", "03")] == [False, True, False, True]
    assert not is_sampled_in((("traceparent", b"rubbish-01"),))
    nulled = tuple((name, None if name == "traceparent" else value) for name, value in SENT.headers)
    assert not is_sampled_in(nulled)  # type: ignore[arg-type]
    assert traceparent_in(nulled) == ""  # type: ignore[arg-type]
    assert not is_sampled_in(())


def test_causation_is_that_of_a_derived_record() -> None:
    derived = envelope.encode(
        SAMPLES[0], event_id=MESSAGE, source="x", correlation_id=CORRELATION, actor="bob", causation_id="cause"
    )
    assert (causation_in(derived.headers), causation_in(SENT.headers)) == ("cause", "")


def test_attributes_of_a_record_name_nobody() -> None:
    received = Received(SENT.topic, 3, 12, 0, SENT.key, SENT.value, SENT.headers)
    found = span_attributes.of_record("process", "kafka", received)
    assert found == {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.system": "kafka",
        "messaging.destination.name": "message.sent",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 12,
        "messaging.message.id": MESSAGE,
        "messaging.message.conversation_id": CORRELATION,
        "caas.event.type": "caas.message.sent.v1",
        "caas.tenant.id": "acme",
    }
    assert ROOM not in str(found) and "bob" not in str(found)


def test_record_that_is_appended_is_in_the_partition_of_its_key() -> None:
    found = span_attributes.of_record("send", "kafka", SENT)
    assert found["messaging.destination.partition.id"] == str(partition_of(SENT.topic, SENT.key).number)
