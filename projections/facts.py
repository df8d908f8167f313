"""A fact is a record that counts, at its place in the log; a numbered one has its rank in its lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.ports.documents import Facet, Row
from schemas.envelope import Envelope
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Fact:
    """One record: `event` is None when its body cannot be read, which changes nothing about its place."""

    topic: str
    position: int
    envelope: Envelope
    event: Event | None


class Inconsistent(Exception):
    """Rows and heads contradict each other: no crash leaves that behind, so somebody's hand or a bug did."""


def facet_of(row: Mapping[str, Any] | None, name: str) -> Facet | None:
    """The row's facet of this name."""
    return None if row is None else row.get(name)


class Heads:
    """The last number of each lane: what numbering starts from. Never a maximum, never a count.

    Read the heads before the rows: then a head that covers a position proves that its row can be seen.
    """

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._lanes: dict[tuple[str, str], Facet] = {
            (key, lane): facet for key, row in rows.items() for lane, facet in row.items() if isinstance(facet, dict)
        }
        self.moved: dict[str, dict[str, Facet]] = {}

    def covers(self, key: str, lane: str, position: int) -> bool:
        """Whether the record at `position` has been numbered."""
        head = self._lanes.get((key, lane))
        return head is not None and position <= head["pos"]

    def facet(self, key: str, lane: str) -> Facet:
        """The head as it is: with whatever it says beside `pos` and `n` until something is numbered."""
        return self._lanes.get((key, lane), {})

    def number(self, key: str, lane: str, position: int, known: int | None) -> int:
        """The rank of the record at `position`; `known` is the number its row has, None when it has none yet.

        The caller has made sure that it is no repeat. Raises `Inconsistent`.
        """
        head = self._lanes.get((key, lane), {"pos": -1, "n": 0})
        if position <= head["pos"]:
            if known is None:
                raise Inconsistent(f"lane {lane} of {key} stands at {head}, but {position} has no row")
            return known
        n: int = head["n"] + 1
        if known is not None and known != n:
            raise Inconsistent(f"lane {lane} of {key} gives {position} the number {n}, its row says {known}")
        self._lanes[key, lane] = facet = {"pos": position, "n": n}
        self.moved.setdefault(key, {})[lane] = facet
        return n
