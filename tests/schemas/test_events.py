"""Every event has a type, a topic and a key, and every released version can still be decoded."""

from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from schemas import envelope, events, topics
from schemas.envelope import Known, key_of
from schemas.events import Event, Reacted, upcast
from tests.schemas.released import released
from tests.schemas.samples import SAMPLES, record_of

GOLDEN = released()


@pytest.mark.parametrize("name", GOLDEN)
def test_a_record_of_any_release_is_decoded_as_before(name: str) -> None:
    golden = GOLDEN[name]
    record = golden.record()
    reading = envelope.read(record.topic, record.key, record.value, record.headers)
    assert isinstance(reading, Known), reading
    assert msgspec.to_builtins(reading.event) == golden.reads_as
    assert reading.envelope.type == name


def test_every_decodable_version_has_a_golden_record() -> None:
    assert GOLDEN.keys() == events.EVENT_OF.keys() | upcast.STEPS.keys()


def test_golden_records_of_the_newest_versions_equal_current_records() -> None:
    """But for the flags of their trace context: they said `01` while nobody sampled."""
    for event in SAMPLES:
        golden = GOLDEN[events.TYPE_OF[type(event)]].record()
        headers = tuple((name, unsampled(value) if name == "traceparent" else value) for name, value in golden.headers)
        assert record_of(event) == replace(golden, headers=headers)


def unsampled(context: bytes) -> bytes:
    assert context.endswith(b"-01")
    return context[:-1] + b"0"


def test_every_event_has_a_sample() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(Event)) == set(events.TOPIC_OF)


def test_every_event_has_a_topic_of_the_table_and_a_type_of_its_own() -> None:
    assert set(events.TOPIC_OF.values()) == topics.TOPICS.keys() - {topics.DEAD_LETTER}
    assert len(events.EVENT_OF) == len(events.TOPIC_OF)
    assert all(name.startswith("caas.") and name.rpartition(".v")[2].isdigit() for name in events.EVENT_OF)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_has_the_key_of_its_topic(event: Event) -> None:
    expected = topics.TOPICS[events.TOPIC_OF[type(event)]].key
    per_event = "conversation_id" if isinstance(event, Reacted) else "user_id"
    assert key_of(event) == getattr(event, per_event if expected == "per event" else expected)
