"""Batches come out of a row of the journal as they went in."""

from core.positions import position
from projections.journal.batch_rows import FACET, AppliedBatch, batches_of, write_of
from schemas.topics import MESSAGE_SENT, Partition

AT = Partition(MESSAGE_SENT, 3)
BATCHES = [AppliedBatch(4, 9, 1_000, 1_010, 1_012), AppliedBatch(9, 10, 1_020, 1_021, 1_021)]


def test_row_has_its_batches_and_the_range_that_they_cover() -> None:
    write = write_of("messages", AT, 2, BATCHES)
    facet = write.facets[FACET]
    assert (facet["pos"], facet["after"], facet["time"]) == (2, position(2, 10), 1_010)
    assert write.fixed == {"processor": "messages", "partition": "message.sent/3"}
    assert batches_of({"_id": write.id, FACET: dict(facet)}, 2) == BATCHES


def test_row_that_grew_is_newer_and_the_same_row() -> None:
    first, grown = write_of("messages", AT, 1, BATCHES[:1]), write_of("messages", AT, 1, BATCHES, known=True)
    assert (first.id, first.exists, grown.exists) == (grown.id, False, True)
    assert first.facets[FACET]["pos"] < grown.facets[FACET]["pos"]


def test_repeated_batch_does_not_narrow_the_range() -> None:
    facet = write_of("messages", AT, 1, [*BATCHES, AppliedBatch(2, 6, 1_030, 1_031, 1_031)]).facets[FACET]
    assert (facet["pos"], facet["after"]) == (3, position(1, 10))


def test_row_of_another_epoch_has_no_batches() -> None:
    write = write_of("messages", AT, 1, BATCHES)
    assert batches_of({"_id": write.id, FACET: dict(write.facets[FACET])}, 2) == []
