from core.ports.event_log import Received
from schemas.topics import Partition
from streams.log.progress import Progress

ONE, OTHER = Partition("message.sent", 0), Partition("message.sent", 1)


def to(place: Partition, offset: int) -> list[Received]:
    return [Received(*place, offset, offset, None, None, ())]


def test_unbounded_read_is_never_complete() -> None:
    assert not Progress({}, None).is_complete()
    assert not Progress({ONE: 5}, None).is_complete()


def test_bounded_read_is_complete_when_each_bound_is_reached() -> None:
    progress = Progress({ONE: 0, OTHER: 9}, {ONE: 2, OTHER: 5})
    assert not progress.is_complete()
    progress.advance(ONE, to(ONE, 1))
    assert progress.is_complete()


def test_bound_of_an_unread_partition_has_no_effect() -> None:
    assert Progress({ONE: 0}, {OTHER: 5}).is_complete()


def test_nothing_is_read_beyond_a_bound_or_the_end() -> None:
    progress = Progress({ONE: 0, OTHER: 0}, {ONE: 3, OTHER: 9})
    assert list(progress.available({ONE: 5, OTHER: 7})) == [(ONE, 0, 3), (OTHER, 0, 7)]
    assert list(progress.available({ONE: 0, OTHER: 0})) == []


def test_partition_read_last_comes_last() -> None:
    progress = Progress({ONE: 0, OTHER: 0}, None)
    progress.advance(ONE, to(ONE, 0))
    assert list(progress.available({ONE: 5, OTHER: 5})) == [(OTHER, 0, 5), (ONE, 1, 5)]
