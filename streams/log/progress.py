"""Where one reader stands in each partition, and when it has read all that it should."""

from collections.abc import Iterator, Mapping, Sequence

from core.ports.event_log import Received
from schemas.topics import Partition


class Progress:
    """One read: `at` is the next offset of each partition.

    Without bounds it is never over. With them it is over when each bounded partition has been read up to its bound;
    the others are read along. A bound of a partition that is not read bounds nothing.
    """

    def __init__(self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None) -> None:
        self.at = dict(start)
        self._until = {place: bound for place, bound in (until or {}).items() if place in self.at}
        self._bounded = until is not None
        self._turn = list(self.at)

    def over(self) -> bool:
        """Whether all that should be read has been read."""
        return self._bounded and all(self.at[place] >= bound for place, bound in self._until.items())

    def open_to(self, ends: Mapping[Partition, int]) -> Iterator[tuple[Partition, int, int]]:
        """What there is to read in a log that has these ends: partition, first offset, and the offset to stop before.

        The partition that was read last comes last, so that a busy one cannot starve the others.
        """
        for place in tuple(self._turn):
            stop = min(ends.get(place, 0), self._until.get(place, 1 << 62))
            if stop > self.at[place]:
                yield place, self.at[place], stop

    def advance(self, place: Partition, records: Sequence[Received]) -> None:
        """These records, the next of their partition, have been read."""
        if not records:
            return
        self.at[place] = records[-1].offset + 1
        self._turn.remove(place)
        self._turn.append(place)
