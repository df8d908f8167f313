"""From records to facts and dead letters."""

import pytest

from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_SENT
from streams.runtime.record_decoder import KEPT, LARGEST, dead_letter, read
from tests.streams.world import lying, said


def everything(_: str) -> bool:
    return True


def test_what_we_know_is_a_fact_at_its_place() -> None:
    found = read([lying(said("room", 1), 7)], "messages", everything)
    [fact] = found.facts
    assert (fact.topic, fact.position, fact.envelope.subject) == (MESSAGE_SENT, 1 << 48 | 7, "room")
    assert fact.event is not None and found.dead == []


def test_an_unreadable_body_counts_and_is_told() -> None:
    sent = said("room", 1)
    found = read([lying(Record(sent.topic, sent.key, b"{", sent.headers))], "messages", everything)
    assert [fact.event for fact in found.facts] == [None]
    assert dict(found.dead[0].headers)["caas_dlq_code"] == b"unreadable"


@pytest.mark.parametrize("value", [said("room", 1).value, b"{"])
def test_a_type_that_the_processor_does_not_take_is_neither_a_fact_nor_dead(value: bytes) -> None:
    sent = said("room", 1)
    found = read([lying(Record(sent.topic, sent.key, value, sent.headers))], "messages", lambda _: False)
    assert (found.facts, found.dead) == ([], [])


def test_a_foreign_record_does_not_count_and_is_told() -> None:
    found = read([lying(Record(MESSAGE_SENT, None, None))], "messages", everything)
    assert found.facts == []
    assert dict(found.dead[0].headers)["caas_dlq_code"] == b"foreign"


def test_a_dead_letter_is_the_record_as_it_was_with_place_and_cause() -> None:
    dead = dead_letter(lying(said("room", 1), offset=12, at=3), "messages", "foreign", "c" * 5000)
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
        Record(MESSAGE_SENT, b"key", b"v" * LARGEST),
        Record(MESSAGE_SENT, b"k" * LARGEST, b"value"),
        Record(MESSAGE_SENT, b"key", b"value", (("x", b"h" * LARGEST),)),
    ],
    ids=["value", "key", "headers"],
)
def test_a_dead_letter_that_the_log_would_not_take_again_is_cut_and_says_so(record: Record) -> None:
    dead = dead_letter(lying(record), "messages", "foreign", "no header ce_id")
    headers = dict(dead.headers)
    assert int(headers["caas_dlq_cut"]) > LARGEST and headers["__streams.errors.offset"] == b"0"
    assert record.key is not None and dead.key == record.key[:KEPT]
    assert record.value is not None and dead.value == record.value[:KEPT]
