from core.ports.event_log import Received
from schemas.topics import Partition
from streams.log.tail import Tail

ONE, OTHER = Partition("message.sent", 0), Partition("message.sent", 1)


def records(place: Partition, start: int, stop: int, size: int = 1) -> list[Received]:
    return [Received(*place, offset, offset, None, b"x" * size, ()) for offset in range(start, stop)]


def test_tail_returns_only_what_it_keeps() -> None:
    tail = Tail(100, 1000)
    tail.add(ONE, records(ONE, 5, 10))
    assert tail.read(ONE, 5, 8) == records(ONE, 5, 8)
    assert tail.read(ONE, 9, 99) == records(ONE, 9, 10)
    assert tail.read(ONE, 4, 8) is None
    assert tail.read(OTHER, 0, 1) is None


def test_oldest_records_of_all_partitions_are_dropped_first() -> None:
    tail = Tail(10, 1000)
    tail.add(ONE, records(ONE, 0, 4))
    tail.add(OTHER, records(OTHER, 0, 4))
    tail.add(ONE, records(ONE, 4, 8))
    assert tail.read(ONE, 3, 8) is None
    assert tail.read(ONE, 4, 8) == records(ONE, 4, 8)
    assert tail.read(OTHER, 0, 4) == records(OTHER, 0, 4)


def test_tail_bounds_its_bytes() -> None:
    tail = Tail(100, 10)
    tail.add(ONE, records(ONE, 0, 1, size=8))
    tail.add(ONE, records(ONE, 1, 2, size=8))
    assert tail.read(ONE, 0, 1) is None
    assert tail.read(ONE, 1, 2) == records(ONE, 1, 2, size=8)
    tail.add(ONE, records(ONE, 2, 3, size=80))
    assert tail.read(ONE, 2, 3) is None


def test_records_before_a_gap_are_dropped() -> None:
    tail = Tail(10, 1000)
    tail.add(ONE, records(ONE, 0, 4))
    tail.add(ONE, records(ONE, 6, 9))
    assert tail.read(ONE, 2, 9) is None
    assert tail.read(ONE, 6, 9) == records(ONE, 6, 9)
    tail.add(ONE, records(ONE, 9, 16))
    assert tail.read(ONE, 6, 16) == records(ONE, 6, 16)
