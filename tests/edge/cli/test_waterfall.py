"""A waterfall fits the terminal, shows what came after what, and obeys nobody who wrote a record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from edge.cli.waterfall import MIN_WIDTH, described, waterfall
from projections.trace.causal_tree import trace_of
from schemas.wire.trace import Trace, TraceApplication, TraceRecord
from tests.given import CORRELATION

SENT = TraceRecord(
    topic="message.sent", partition=3, offset=41, recorded_ms=1000, type="caas.message.sent.v1", id="e1", actor="ann"
)
SAVED = TraceRecord(
    topic="message.delivered",
    partition=3,
    offset=90,
    recorded_ms=1030,
    type="caas.message.delivered.v2",
    id="p1",
    cause="e1",
    actor="ann",
    stage="persisted",
    names=3,
    seq=7,
)
AUDIT = TraceRecord(
    topic="audit.log",
    partition=0,
    offset=5,
    recorded_ms=1060,
    type="caas.audit.log.v1",
    cause="e1",
    actor="ann",
    action="message:send",
    outcome="success",
)
READ = TraceRecord(
    topic="message.delivered",
    partition=3,
    offset=91,
    type="caas.message.delivered.v2",
    cause="e1",
    actor="bob",
    by="bob",
    stage="read",
    seq=9,
)


def trace(*records: TraceRecord, **more: bool | int) -> Trace:
    found = trace_of(CORRELATION, records, 100, **more)  # type: ignore[arg-type]
    return structs.replace(found, journal=True)


def test_lines_show_the_tree_with_places_times_and_bars() -> None:
    lines = list(waterfall(trace(SENT, SAVED, AUDIT), 110))
    assert lines[0] == f"trace {CORRELATION}: 3 records in 60 ms"
    assert [line.split("  ")[0] for line in lines[1:2]] == ["message.sent by ann"]
    assert lines[2].startswith("  message.delivered persisted x3 by ann")
    assert lines[3].startswith("  audit.log message:send success by ann")
    shown = (("message.sent/3/41", "+0 ms"), ("message.delivered/3/90", "+30 ms"), ("audit.log/0/5", "+60 ms"))
    assert all(place in line and time in line for (place, time), line in zip(shown, lines[1:], strict=True))
    ends = [line.index("●") for line in lines[1:]]
    assert ends == sorted(ends)
    assert len(set(ends)) == 3


def test_what_it_lacks_is_said() -> None:
    lines = list(waterfall(trace(SENT, cut=True, behind=12), 100))
    assert lines[-2:] == [
        "there are more: the first 1 are shown",
        "the read model has 12 records of the log still to read",
    ]


def test_processors_stand_below_the_record_that_they_read() -> None:
    found = trace(SENT)
    done = TraceApplication(processor="messages", applied=True, saved_ms=1012, latency_ms=12)
    applications = [
        done,
        TraceApplication(processor="search", applied=False),
        TraceApplication(processor="trace", applied=True),
    ]
    entry = structs.replace(found.entries[0], applications=applications)
    lines = list(waterfall(structs.replace(found, entries=[entry]), 100))
    assert lines[2].strip() == "not applied by search; messages +12 ms, trace"


def test_trace_of_the_log_alone_says_what_it_cannot_know() -> None:
    lines = list(waterfall(structs.replace(trace(SENT), journal=False), 100))
    assert lines[-1] == "which processors applied these records is not in the log"


def test_receipt_names_the_reader_and_record_without_a_time_has_no_bar() -> None:
    assert described(READ) == "message.delivered read up to 9 by bob"
    without_time, with_time = sorted(list(waterfall(trace(SENT, READ), 100))[1:], key=lambda line: "●" in line)
    assert ("●" in without_time, "?" in without_time, "●" in with_time) == (False, True, True)


def test_receipt_names_the_node_that_delivered() -> None:
    assert described(structs.replace(READ, source="/caas/edge/node-7")).endswith(" by bob at node-7")


def test_dead_letter_names_its_processor() -> None:
    letter = TraceRecord(topic="dead.letter", partition=0, offset=1, processor="search", code="unreadable", cause="e1")
    assert described(letter) == "dead letter of search unreadable"


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b]0;owned\x07", "a\nb\rc", "\u202eevil", "\x9b31m"])
def test_terminal_is_shown_nothing_that_it_would_obey(hostile: str) -> None:
    record = TraceRecord(topic=hostile, partition=0, offset=0, type=hostile, actor=hostile, action=hostile)
    assert all(line.isprintable() for line in waterfall(trace(record), 200))


TEXTS = st.text(max_size=60)
RECORDS = st.builds(
    TraceRecord,
    topic=TEXTS,
    partition=st.integers(0, 9),
    offset=st.integers(0, 2**40),
    recorded_ms=st.integers(0, 2**45),
    type=TEXTS,
    id=st.sampled_from(["", "a", "b", "c"]),
    cause=st.sampled_from(["", "a", "b", "c"]),
    actor=TEXTS,
    stage=st.none() | TEXTS,
)


@given(st.lists(RECORDS, max_size=8), st.integers(0, 300))
def test_no_line_is_wider_than_the_terminal(records: list[TraceRecord], width: int) -> None:
    lines = list(waterfall(trace(*records), width))
    assert len(lines) == 1 + len(records)
    assert all(len(line) <= max(width, MIN_WIDTH) and line.isprintable() for line in lines)
