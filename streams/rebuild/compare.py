"""Comparison compares two generations: they are equal when every row that is at the same positions in both is the same.

The fold does not advance while it is compared, the live generation does. A row whose positions differ is compared
again after the live generation has passed the log's end, and the fold has followed it: if the live row has not changed
meanwhile, both result from the same records, and any difference is real. So no row is judged too early.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from core.health import Health
from core.ports.documents import Documents, Row, Table, TableGeneration
from core.retry import retry_until_available
from projections.expiry import age_index, is_before, read_horizon
from streams.rebuild.write_tracking import Key

T = TypeVar("T")
PAGE: Final = 1000
MAX_NAMED_ROWS: Final = 100
"""Maximum number of differing rows that are named; the others are counted."""

Positions = dict[str, Any] | None
"""The position of each facet of a row; None where there is no row."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs: `what` is the facet or fixed field, or `row` where one side has none; `expected` is the
    result of the log, `found` what is live.
    """

    table: str
    id: str
    what: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.table} {self.id} {self.what}: expected {_short(self.expected)}, found {_short(self.found)}"


class Rows(Protocol):
    """The reading part of the port `Documents`."""

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows with these ids that exist."""
        ...

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Compare all rows of all tables once, merged by id."""
        ...


class Side(NamedTuple):
    """One generation in its store."""

    documents: Rows
    generation: int


class Comparison:
    """Compares a fold with the live generation. `rows` counts what was compared; `differing` are the rows that differ,
    `differences` what differs in the first of them; `pending` are rows at different positions, with those of the live
    row when it was last compared.

    Of a table whose rows expire, rows before its horizon may be missing in the live generation, which is in `expiring`.
    """

    def __init__(
        self, tables: Sequence[Table], fold: Side, live: Side, health: Health, expiring: Documents | None = None
    ) -> None:
        self.rows = 0
        self.differences: list[Difference] = []
        self.differing: set[Key] = set()
        self.pending: dict[Key, Positions] = {}
        self._tables = {table.name: table for table in tables}
        self._fold = fold
        self._live = live
        self._health = health
        self._expiring = expiring
        self._horizons: dict[str, int] = {}

    async def scan(self) -> None:
        """All rows of all tables once, merged by id."""
        for table in self._tables.values():
            async for row_id, expected, found in merged(table, self._fold, self._live, self._health):
                self.rows += 1
                if await self._expired(table, expected, found):
                    continue
                if not self._agree(table.name, row_id, expected, found):
                    self.pending[table.name, row_id] = positions(found)

    async def recheck(self, touched: Iterable[Key] = ()) -> None:
        """Compare again what is pending, and the rows touched since. Between two calls the live generation has passed
        the log's ends, and the fold has followed it.
        """
        for table, row_id, expected, found in await self._both({*self.pending, *touched}):
            known = (table, row_id) in self.pending
            before, now = self.pending.pop((table, row_id), None), positions(found)
            if await self._expired(self._tables[table], expected, found) or self._agree(table, row_id, expected, found):
                continue
            if known and before == now:
                self._differ(table, row_id, expected, found)
            else:
                self.pending[table, row_id] = now

    async def final_check(self, touched: Iterable[Key]) -> None:
        """Compare them when both generations are at the same offsets: all must agree."""
        for table, row_id, expected, found in await self._both({*self.pending, *touched}):
            self.pending.pop((table, row_id), None)
            if await self._expired(self._tables[table], expected, found):
                continue
            if not self._agree(table, row_id, expected, found):
                self._differ(table, row_id, expected, found)

    async def _expired(self, table: Table, expected: Row | None, found: Row | None) -> bool:
        """Return whether the live row is missing because it was removed. The horizon is read after the row, and is
        recorded before rows are removed.
        """
        documents = self._expiring
        if documents is None or expected is None or found is not None or age_index(table) is None:
            return False
        if not is_before(table, expected, self._horizons.get(table.name, 0)):
            place = TableGeneration(table, self._live.generation)
            self._horizons[table.name] = await self._retry(lambda: read_horizon(documents, place))
        return is_before(table, expected, self._horizons[table.name])

    async def _both(self, keys: Iterable[Key]) -> list[tuple[str, str, Row | None, Row | None]]:
        ids: dict[str, list[str]] = {}
        for table, row_id in sorted(keys):
            ids.setdefault(table, []).append(row_id)
        pairs = []
        for table, some in ids.items():
            expected, found = await self._get(self._fold, table, some), await self._get(self._live, table, some)
            pairs += [(table, row_id, expected.get(row_id), found.get(row_id)) for row_id in some]
        return pairs

    async def _get(self, side: Side, table: str, ids: Sequence[str]) -> dict[str, Row]:
        place = TableGeneration(self._tables[table], side.generation)
        rows: dict[str, Row] = {}
        for start in range(0, len(ids), PAGE):
            some = ids[start : start + PAGE]
            rows |= await self._retry(lambda: side.documents.get(place, some))  # noqa: B023 - awaited here
        return rows

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry_until_available("compare", call, self._health)

    def _agree(self, table: str, row_id: str, expected: Row | None, found: Row | None) -> bool:
        """Return whether both rows are at the same positions; then record what differs."""
        if positions(expected) != positions(found):
            return False
        if expected != found:
            self._differ(table, row_id, expected, found)
        return True

    def _differ(self, table: str, row_id: str, expected: Row | None, found: Row | None) -> None:
        if (table, row_id) in self.differing:
            return
        if len(self.differing) < MAX_NAMED_ROWS:
            self.differences += differing(table, row_id, expected, found)
        self.differing.add((table, row_id))


def positions(row: Row | None) -> Positions:
    """Return the position of each facet."""
    return None if row is None else {name: facet.get("pos") for name, facet in row.items() if isinstance(facet, dict)}


def differing(table: str, row_id: str, expected: Row | None, found: Row | None) -> Iterator[Difference]:
    """Yield what differs between two rows."""
    if expected is None or found is None:
        yield Difference(table, row_id, "row", expected, found)
        return
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            yield Difference(table, row_id, name, expected.get(name), found.get(name))


async def merged(
    table: Table, one: Side, other: Side, health: Health
) -> AsyncIterator[tuple[str, Row | None, Row | None]]:
    """Yield the rows of two generations by id, side by side."""
    left, right = scanned(table, one, health), scanned(table, other, health)
    a, b = await anext(left, None), await anext(right, None)
    while a is not None or b is not None:
        row_id = min(row["_id"] for row in (a, b) if row is not None)
        mine = a if a is not None and a["_id"] == row_id else None
        theirs = b if b is not None and b["_id"] == row_id else None
        yield row_id, mine, theirs
        a = await anext(left, None) if mine is not None else a
        b = await anext(right, None) if theirs is not None else b


async def scanned(table: Table, side: Side, health: Health) -> AsyncIterator[Row]:
    """Yield all rows of a table, page by page."""
    place, after = TableGeneration(table, side.generation), ""
    while page := await retry_until_available(
        "compare",
        lambda: side.documents.scan(place, after=after, limit=PAGE),  # noqa: B023 - awaited here
        health,
    ):
        for row in page:
            yield row
        after = page[-1]["_id"]


async def digest(tables: Sequence[Table], side: Side, health: Health) -> str:
    """Return a SHA-256 over all rows in their order: equal rows, equal digest."""
    found = hashlib.sha256()
    for table in tables:
        found.update(f"table {table.name}\n".encode())
        async for row in scanned(table, side, health):
            found.update(msgspec.json.encode(row, order="sorted") + b"\n")
    return found.hexdigest()


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}…"
