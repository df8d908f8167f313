"""Defines facts, the records that a read model folds, and numbers them by their rank in their lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.ports.documents import Facet, Row
from core.ports.event_log import Received
from schemas.envelope import Envelope
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Fact:
    """One record at its position; `event` is None if its body cannot be read, which does not change its position.

    `recorded_ms` is when the log got it, in milliseconds since 1970, 0 if it does not say. `record` is the record
    itself, None if that is not to be folded or not known.
    """

    topic: str
    position: int
    envelope: Envelope
    event: Event | None
    recorded_ms: int = 0
    record: Received | None = None


class Inconsistent(Exception):
    """Rows and heads contradict each other: not caused by a crash, but by a manual change or a bug."""


def facet_of(row: Mapping[str, Any] | None, name: str) -> Facet | None:
    """Return the row's facet of this name; None if there is none."""
    return None if row is None else row.get(name)


class LaneCounter:
    """Counts up from the last number of each lane, which the heads hold; never takes a maximum or a row count.

    Read the heads before the rows: then a head that covers a position proves that its row is visible.
    """

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._lanes: dict[tuple[str, str], Facet] = {
            (key, lane): facet for key, row in rows.items() for lane, facet in row.items() if isinstance(facet, dict)
        }
        self.moved: dict[str, dict[str, Facet]] = {}

    def covers(self, key: str, lane: str, position: int) -> bool:
        """Return whether the record at `position` has been numbered."""
        head = self._lanes.get((key, lane))
        return head is not None and position <= head["pos"]

    def facet(self, key: str, lane: str) -> Facet:
        """Return the head; its fields beside `pos` and `n` are there until the next record is numbered."""
        return self._lanes.get((key, lane), {})

    def number(self, key: str, lane: str, position: int, known: int | None) -> int:
        """Return the rank of the record at `position`; `known` is the number in its row, None if it has none yet.

        The record must not be a repeat. Raises `Inconsistent`.
        """
        head = self._lanes.get((key, lane), {"pos": -1, "n": 0})
        if position <= head["pos"]:
            if known is None:
                raise Inconsistent(f"lane {lane} of {key} is at {head}, but {position} has no row")
            return known
        n: int = head["n"] + 1
        if known is not None and known != n:
            raise Inconsistent(f"lane {lane} of {key} gives {position} the number {n}, its row says {known}")
        self._lanes[key, lane] = facet = {"pos": position, "n": n}
        self.moved.setdefault(key, {})[lane] = facet
        return n
