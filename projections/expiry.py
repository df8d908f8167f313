"""Rows of a table with the index `age` expire: they are removed when they are older than the table keeps them.

Before rows are removed their horizon is recorded: all rows whose time is before it may be missing.
"""

from typing import Any, Final

from core.ports.documents import Documents, Index, Row, Table, TableGeneration
from projections.stores.facets import at_path

AGE: Final = "age"


def aged_by(field: str) -> Index:
    """Return the index of a table whose rows expire by this field, a time in milliseconds since 1970, 0 if it is not
    known: such a row never expires.
    """
    return Index(AGE, (), field)


def age_index(table: Table) -> Index | None:
    """Return the index by which the rows of a table expire; None if they do not."""
    return next((index for index in table.indexes if index.name == AGE), None)


async def read_horizon(documents: Documents, place: TableGeneration) -> int:
    """Return the time before which rows may have been removed, 0 if none was. Raises `Unavailable`."""
    found = await documents.pointer(_name(place))
    return 0 if found is None else int(found["before"])


async def advance_horizon(documents: Documents, place: TableGeneration, before_ms: int) -> None:
    """Record that rows of earlier times are about to be removed. Raises `Unavailable`."""
    while True:
        stored = await documents.pointer(_name(place))
        document: dict[str, Any] = {"before": before_ms}
        if stored is not None and stored["before"] >= before_ms:
            return
        if await documents.compare_and_set(_name(place), document, stored):
            return


def is_before(table: Table, row: Row, horizon_ms: int) -> bool:
    """Return whether a row may have been removed where this is the horizon."""
    index = age_index(table)
    time = None if index is None or index.order is None else at_path(row, index.order)
    return time is not None and 0 < time < horizon_ms


def _name(place: TableGeneration) -> str:
    return f"expired {place.table.model}/{place.table.name}/{place.generation}"
