"""What a processor made of a record is known from its checkpoint, and when from the journal."""

from core.positions import position
from projections.journal.batch_rows import AppliedBatch
from projections.trace.applications import Known, Reader, batch_with, offsets_of, with_applications
from schemas.topics import AUDIT_LOG, MESSAGE_SENT, Partition
from schemas.wire.trace import TraceApplication, TraceEntry, TraceRecord

AT = Partition(MESSAGE_SENT, 3)
ALL = Reader("messages", frozenset({MESSAGE_SENT}), lambda _: True)
NONE = Reader("receipts", frozenset({MESSAGE_SENT}), lambda _: False)


def record(offset: int, topic: str = MESSAGE_SENT, recorded_ms: int = 1_000) -> TraceRecord:
    return TraceRecord(topic=topic, partition=3, offset=offset, recorded_ms=recorded_ms)


def entry(offset: int, topic: str = MESSAGE_SENT, recorded_ms: int = 1_000) -> TraceEntry:
    return TraceEntry(parent=None, depth=0, record=record(offset, topic, recorded_ms))


def shown(one: TraceEntry, known: Known) -> list[TraceApplication]:
    [found] = with_applications([one], [ALL, NONE], {"messages": known}, epoch=1)
    return found.applications


def test_record_before_the_checkpoint_was_applied_when_the_journal_says() -> None:
    known = Known({AT: position(1, 8)}, {AT: [AppliedBatch(5, 8, 1_004, 1_009, 1_011)]})
    assert shown(entry(7), known) == [
        TraceApplication(
            processor="messages", applied=True, began_ms=1_004, saved_ms=1_009, emitted_ms=1_011, latency_ms=9
        )
    ]


def test_record_at_the_checkpoint_was_not_applied() -> None:
    known = Known({AT: position(1, 8)}, {AT: [AppliedBatch(5, 9, 1_004, 1_009, 1_011)]})
    assert shown(entry(8), known) == [TraceApplication(processor="messages", applied=False)]


def test_record_without_a_batch_was_applied_nobody_knows_when() -> None:
    assert shown(entry(2), Known({AT: position(1, 8)}, {})) == [TraceApplication(processor="messages", applied=True)]


def test_record_without_a_time_has_no_latency() -> None:
    known = Known({AT: position(1, 8)}, {AT: [AppliedBatch(5, 8, 1_004, 1_009, 1_011)]})
    [found] = shown(entry(7, recorded_ms=0), known)
    assert (found.saved_ms, found.latency_ms) == (1_009, None)


def test_processor_that_reads_no_such_record_is_left_out() -> None:
    assert shown(entry(2, AUDIT_LOG), Known({}, {})) == []


def test_processor_of_which_nothing_is_known_has_applied_nothing() -> None:
    [found] = with_applications([entry(0)], [ALL], {}, epoch=1)
    assert found.applications == [TraceApplication(processor="messages", applied=False)]


def test_first_save_of_a_repeated_record_counts() -> None:
    batches = [AppliedBatch(0, 9, 50, 60, 61), AppliedBatch(4, 9, 20, 30, 31), AppliedBatch(5, 9, 1, 2, 3)]
    assert batch_with(4, batches) == batches[1]
    assert batch_with(9, batches) is None


def test_offsets_are_those_that_the_reader_reads_in_order() -> None:
    records = [record(9), record(2), record(4, AUDIT_LOG)]
    assert offsets_of(records, ALL) == {AT: [2, 9]}
    assert offsets_of(records, NONE) == {}
