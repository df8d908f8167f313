"""Tail keeps the newest records of a log in memory, so that readers at its end cost no disk access."""

from collections import deque
from collections.abc import Sequence

from core.ports.event_log import Received
from schemas.topics import Partition


class Tail:
    """Keeps up to `records` records and `size` bytes of keys and values of all partitions; drops the oldest first."""

    def __init__(self, records: int, size: int) -> None:
        self._room, self._size = records, size
        self._kept: dict[Partition, list[Received]] = {}
        self._chunks: deque[tuple[Partition, int, int]] = deque()

    def add(self, place: Partition, records: Sequence[Received]) -> None:
        """Add the next records of a partition. Where they do not follow on, everything older is dropped."""
        if self._kept.get(place) and self._kept[place][-1].offset + 1 != records[0].offset:
            self._clear()
        size = sum(len(one.key or b"") + len(one.value or b"") for one in records)
        self._kept.setdefault(place, []).extend(records)
        self._chunks.append((place, len(records), size))
        self._room -= len(records)
        self._size -= size
        while self._room < 0 or self._size < 0:
            place, count, size = self._chunks.popleft()
            del self._kept[place][:count]
            self._room += count
            self._size += size

    def read(self, place: Partition, offset: int, stop: int) -> Sequence[Received] | None:
        """Return the records from `offset` to before `stop`; None if the first is not kept (any more)."""
        kept = self._kept.get(place)
        if not kept or offset < kept[0].offset:
            return None
        first = kept[0].offset
        return kept[offset - first : stop - first]

    def _clear(self) -> None:
        self._room += sum(count for _, count, _ in self._chunks)
        self._size += sum(size for _, _, size in self._chunks)
        self._chunks.clear()
        self._kept.clear()
