"""Sums audit records by day, actor, action and outcome, so that a count reads a row a day and not a row a record.

The row of a tenant's day has the facet `everyone`, that of an actor's day the facet `actor`: `{pos, place, sums}`.
`sums` has `[action, outcome, count, records]` in order: the sum of the records' counts, and their number. `pos` is the
position of the last record in them: all of the row that are before it are in them too, because a tenant's records are
in one partition. So a record is added once, whoever adds it. `place` sorts by day, and is unique in a tenant and facet:
the day times a billion, and the last nine digits of the number of its first record. A day is one of UTC by when it
happened, as a number from 1970 on.

A tenant's sums have the records of the full tiles of its tree (`core.audit.tiles`), and are saved when one is filled:
256 records change few rows where each of them would change two. Who counts adds the records after the last full tile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.audit.tiles import WIDTH
from core.ports.documents import Index, Row, Table, Write
from projections.audit.audit_rows import LANE, MODEL, NUMBERS_OF_A_MS

EVERYONE: Final = "everyone"
ACTOR: Final = "actor"
SUMS: Final = Table(
    MODEL,
    "sums",
    (
        Index("everyone", ("tenant",), f"{EVERYONE}.place"),
        Index("actors", ("tenant",), f"{ACTOR}.place"),
        Index("actor", ("tenant", "actor_id"), f"{ACTOR}.place"),
    ),
)
NUMBERS_OF_A_DAY: Final = 1_000_000_000
_DAY: Final = 86_400_000 * NUMBERS_OF_A_MS


def place_of(day: int, n: int = 0) -> int:
    """Return the place of the sums of a day whose first record has the number `n`; of 0 it is the first of the day."""
    return day * NUMBERS_OF_A_DAY + n % NUMBERS_OF_A_DAY


def day_of(place: int) -> int:
    """Return the day of a place."""
    return place // NUMBERS_OF_A_DAY


def day_of_record(record: Row) -> int:
    """Return the day of a record."""
    day: int = record[LANE]["time"] // _DAY
    return day


def first_unsummed(size: int) -> int:
    """Return the number of the first record that is not in the sums of a tenant with `size` records."""
    return size // WIDTH * WIDTH + 1


def ids_of(records: Sequence[Row]) -> set[str]:
    """Return the ids of the rows that these records are summed in."""
    return {key for record in records for key, _, _ in _rows_of(record)}


def add(records: Sequence[Row], stored: Mapping[str, Row]) -> list[Write]:
    """Return the rows of sums with these records, which are in the order of the log and no repeats; `stored` has the
    rows before. A record that is in them already changes nothing.
    """
    changing: dict[str, _Sums] = {}
    for record in records:
        for key, name, fixed in _rows_of(record):
            sums = changing.get(key)
            if sums is None:
                changing[key] = sums = _Sums(name, fixed, *_known(stored.get(key), name))
            sums.add(record)
    return [sums.write(key, exists=key in stored) for key, sums in changing.items() if sums.changed]


@dataclass(slots=True)
class _Sums:
    """The sums of one row while records are added: `[count, records]` by action and outcome."""

    name: str
    fixed: Mapping[str, str]
    pos: int
    place: int
    sums: dict[tuple[str, str], list[int]]
    changed: bool = False

    def add(self, record: Row) -> None:
        facet = record[LANE]
        if facet["pos"] <= self.pos:
            return
        if self.pos < 0:
            self.place = place_of(day_of_record(record), facet["n"])
        self.pos, self.changed = facet["pos"], True
        found = self.sums.setdefault((record["action"], record["outcome"]), [0, 0])
        found[0] += facet["record"]["count"]
        found[1] += 1

    def write(self, key: str, *, exists: bool) -> Write:
        sums = [[*of, *found] for of, found in sorted(self.sums.items())]
        return Write(key, self.fixed, {self.name: {"pos": self.pos, "place": self.place, "sums": sums}}, exists)


def _known(row: Row | None, name: str) -> tuple[int, int, dict[tuple[str, str], list[int]]]:
    if row is None:
        return -1, 0, {}
    facet: Mapping[str, Any] = row[name]
    sums = {(action, outcome): [count, records] for action, outcome, count, records in facet["sums"]}
    return facet["pos"], facet["place"], sums


def _rows_of(record: Row) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield the id, facet and fixed fields of each row that a record is summed in."""
    tenant, actor = record["tenant"], record["actor"]
    key = f"{day_of_record(record)}:{len(tenant)}:{tenant}"  # no two pairs of tenant and actor have one id
    yield key, EVERYONE, {"tenant": tenant}
    yield f"{key}:{actor}", ACTOR, {"tenant": tenant, "actor_id": actor}
