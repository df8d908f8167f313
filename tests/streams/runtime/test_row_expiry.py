"""Old rows are removed a few at a time, from the live generation, and the horizon is recorded before."""

import pytest

from core.health import Health
from core.ports.documents import Changes, Table, TableGeneration, Write
from projections.expiry import aged_by, read_horizon
from projections.generations import Pointer, replace_pointer
from projections.stores.memory import MemoryDocuments
from streams.runtime import row_expiry
from streams.runtime.row_expiry import DAY_MS, RowExpiry

TABLE = Table("model", "rows", (aged_by("log.time"),))
NOW_MS = 100 * DAY_MS


async def stored(documents: MemoryDocuments, days: dict[str, float], generation: int = 1) -> None:
    """Save rows of these ages in days; one of a negative age does not know its time."""
    writes = [
        Write(row, {}, {"log": {"pos": n, "time": 0 if age < 0 else round(NOW_MS - age * DAY_MS)}})
        for n, (row, age) in enumerate(days.items())
    ]
    await documents.save(Changes([(TableGeneration(TABLE, generation), writes)], []))


async def left(documents: MemoryDocuments, generation: int = 1) -> list[str]:
    return [row["_id"] for row in await documents.scan(TableGeneration(TABLE, generation))]


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def expiry(documents: MemoryDocuments) -> RowExpiry:
    return RowExpiry(documents, Health(), TABLE, 30, lambda: NOW_MS / 1000)


async def test_rows_that_are_too_old_are_removed(documents: MemoryDocuments, expiry: RowExpiry) -> None:
    await stored(documents, {"a": 31, "b": 30.5, "c": 29, "d": 0, "without a time": -1})
    assert await expiry.remove_some() == 2
    assert await left(documents) == ["c", "d", "without a time"]
    assert await expiry.remove_some() == 0
    assert await read_horizon(documents, TableGeneration(TABLE, 1)) == NOW_MS - 30 * DAY_MS


async def test_oldest_are_removed_first_and_few_at_once(
    documents: MemoryDocuments, expiry: RowExpiry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_expiry, "ROWS_AT_ONCE", 2)
    await stored(documents, {"a": 50, "b": 70, "c": 60})
    assert await expiry.remove_some() == 2
    assert await left(documents) == ["a"]


async def test_where_nothing_is_old_no_horizon_is_recorded(documents: MemoryDocuments, expiry: RowExpiry) -> None:
    await stored(documents, {"a": 1})
    assert await expiry.remove_some() == 0
    assert await read_horizon(documents, TableGeneration(TABLE, 1)) == 0


async def test_rows_of_the_live_generation_alone_are_removed(documents: MemoryDocuments, expiry: RowExpiry) -> None:
    await stored(documents, {"a": 31}, 1)
    await stored(documents, {"a": 31}, 2)
    await replace_pointer(documents, "model", Pointer(live=2, newest=2), Pointer())
    assert await expiry.remove_some() == 1
    assert (await left(documents, 1), await left(documents, 2)) == (["a"], [])


def test_table_without_ages_is_refused(documents: MemoryDocuments) -> None:
    with pytest.raises(ValueError, match="do not expire"):
        RowExpiry(documents, Health(), Table("model", "kept"), 30)
