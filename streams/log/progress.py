"""Progress tracks the next offset of one reader in each partition, and whether it has read everything it should."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from core.ports.event_log import Received
from schemas.topics import Partition


class Progress:
    """The progress of one read: `next_offsets` has the next offset of each partition, `topics` their topics.

    A read without bounds is never complete. One with bounds is complete when each bounded partition has been read up
    to its bound; the others are read along. A bound of a partition that is not read has no effect.
    """

    def __init__(self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None) -> None:
        self.next_offsets = dict(start)
        self._until = {place: bound for place, bound in (until or {}).items() if place in self.next_offsets}
        self._bounded = until is not None
        self._turn = list(self.next_offsets)
        self.topics: Final = frozenset(place.topic for place in start)

    def is_complete(self) -> bool:
        """Return whether everything that should be read has been read."""
        return self._bounded and all(self.next_offsets[place] >= bound for place, bound in self._until.items())

    def available(self, ends: Mapping[Partition, int]) -> Iterator[tuple[Partition, int, int]]:
        """Yield what can be read from a log with these ends: partition, first offset, and the offset to stop before.

        The partition that was read last comes last, so that a busy one cannot starve the others.
        """
        for place in tuple(self._turn):
            stop = min(ends.get(place, 0), self._until.get(place, 1 << 62))
            if stop > self.next_offsets[place]:
                yield place, self.next_offsets[place], stop

    def advance(self, place: Partition, records: Sequence[Received]) -> None:
        """Record that these, the next records of their partition, have been read."""
        if not records:
            return
        self.next_offsets[place] = records[-1].offset + 1
        self._turn.remove(place)
        self._turn.append(place)
