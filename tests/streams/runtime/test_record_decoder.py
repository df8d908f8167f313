"""Records are decoded to facts and dead letters."""

import pytest
from msgspec.structs import replace

from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_SENT
from streams.runtime.record_decoder import KEPT_BYTES, MAX_DEAD_LETTER_BYTES, dead_letter, read
from tests.streams.world import said, stored


def everything(_: str) -> bool:
    return True


def test_known_event_is_a_fact_with_its_position() -> None:
    found = read([stored(said("room", 1), 7)], "messages", everything)
    [fact] = found.facts
    assert (fact.topic, fact.position, fact.envelope.subject) == (MESSAGE_SENT, 1 << 48 | 7, "room")
    assert fact.event is not None and found.dead == []


def test_unreadable_body_is_a_fact_and_a_dead_letter() -> None:
    sent = said("room", 1)
    found = read([stored(Record(sent.topic, sent.key, b"{", sent.headers))], "messages", everything)
    assert [fact.event for fact in found.facts] == [None]
    assert dict(found.dead[0].headers)["caas_dlq_code"] == b"unreadable"


@pytest.mark.parametrize("value", [said("room", 1).value, b"{"])
def test_type_that_the_processor_skips_is_neither_a_fact_nor_dead(value: bytes) -> None:
    sent = said("room", 1)
    found = read([stored(Record(sent.topic, sent.key, value, sent.headers))], "messages", lambda _: False)
    assert (found.facts, found.dead) == ([], [])


def test_foreign_record_is_only_a_dead_letter() -> None:
    found = read([stored(Record(MESSAGE_SENT, None, None))], "messages", everything)
    assert found.facts == []
    assert dict(found.dead[0].headers)["caas_dlq_code"] == b"foreign"


def test_dead_letter_is_the_record_as_it_was_with_place_and_cause() -> None:
    dead = dead_letter(stored(said("room", 1), offset=12, at=3), "messages", "foreign", "c" * 5000)
    assert (dead.topic, dead.key, dead.value) == (DEAD_LETTER, b"room", said("room", 1).value)
    headers = dict(dead.headers)
    assert headers["__streams.errors.topic"] == b"message.sent"
    assert headers["__streams.errors.partition"] == b"3"
    assert headers["__streams.errors.offset"] == b"12"
    assert len(headers["__streams.errors.message"]) == 1000
    assert headers["ce_id"] == dict(said("room", 1).headers)["ce_id"]


@pytest.mark.parametrize(
    "record",
    [
        Record(MESSAGE_SENT, b"key", b"v" * MAX_DEAD_LETTER_BYTES),
        Record(MESSAGE_SENT, b"k" * MAX_DEAD_LETTER_BYTES, b"value"),
        Record(MESSAGE_SENT, b"key", b"value", (("x", b"h" * MAX_DEAD_LETTER_BYTES),)),
    ],
    ids=["value", "key", "headers"],
)
def test_too_large_dead_letter_is_cut_and_has_its_size(record: Record) -> None:
    dead = dead_letter(stored(record), "messages", "foreign", "no header ce_id")
    headers = dict(dead.headers)
    assert int(headers["caas_dlq_cut"]) > MAX_DEAD_LETTER_BYTES and headers["__streams.errors.offset"] == b"0"
    assert record.key is not None and dead.key == record.key[:KEPT_BYTES]
    assert record.value is not None and dead.value == record.value[:KEPT_BYTES]


def test_cut_dead_letter_is_still_found_by_its_request() -> None:
    sent = said("room", 1)
    dead = dead_letter(stored(replace(sent, value=b"v" * MAX_DEAD_LETTER_BYTES)), "messages", "unreadable", "why")
    headers, before = dict(dead.headers), dict(sent.headers)
    assert "caas_dlq_cut" in headers
    assert [headers[name] for name in ("correlation_id", "traceparent")] == [
        before["correlation_id"],
        before["traceparent"],
    ]
    assert "ce_id" not in headers
