from core.ports.event_log import Received
from schemas.topics import Partition
from streams.log.progress import Progress

ONE, OTHER = Partition("message.sent", 0), Partition("message.sent", 1)


def to(place: Partition, offset: int) -> list[Received]:
    return [Received(*place, offset, offset, None, None, ())]


def test_a_read_without_bounds_is_never_over() -> None:
    assert not Progress({}, None).over()
    assert not Progress({ONE: 5}, None).over()


def test_a_bounded_read_is_over_when_each_bound_is_reached() -> None:
    progress = Progress({ONE: 0, OTHER: 9}, {ONE: 2, OTHER: 5})
    assert not progress.over()
    progress.advance(ONE, to(ONE, 1))
    assert progress.over()


def test_a_bound_of_a_partition_that_is_not_read_bounds_nothing() -> None:
    assert Progress({ONE: 0}, {OTHER: 5}).over()


def test_nothing_is_read_beyond_a_bound_or_the_end() -> None:
    progress = Progress({ONE: 0, OTHER: 0}, {ONE: 3, OTHER: 9})
    assert list(progress.open_to({ONE: 5, OTHER: 7})) == [(ONE, 0, 3), (OTHER, 0, 7)]
    assert list(progress.open_to({ONE: 0, OTHER: 0})) == []


def test_the_partition_read_last_comes_last() -> None:
    progress = Progress({ONE: 0, OTHER: 0}, None)
    progress.advance(ONE, to(ONE, 0))
    assert list(progress.open_to({ONE: 5, OTHER: 5})) == [(OTHER, 0, 5), (ONE, 1, 5)]
