"""The horizon of a table never goes back, and a row without a time is never beyond it."""

from core.ports.documents import Table, TableGeneration
from projections.expiry import advance_horizon, age_index, aged_by, is_before, read_horizon
from projections.stores.memory import MemoryDocuments

TABLE = Table("model", "rows", (aged_by("log.time"),))
PLACE = TableGeneration(TABLE, 1)


async def test_horizon_never_goes_back() -> None:
    documents = MemoryDocuments()
    assert await read_horizon(documents, PLACE) == 0
    for before, expected in ((1000, 1000), (500, 1000), (2000, 2000)):
        await advance_horizon(documents, PLACE, before)
        assert await read_horizon(documents, PLACE) == expected
    assert await read_horizon(documents, TableGeneration(TABLE, 2)) == 0


def test_row_is_judged_by_its_time() -> None:
    assert is_before(TABLE, {"_id": "a", "log": {"pos": 1, "time": 999}}, 1000)
    assert not is_before(TABLE, {"_id": "a", "log": {"pos": 1, "time": 1000}}, 1000)
    assert not is_before(TABLE, {"_id": "a", "log": {"pos": 1, "time": 0}}, 1000)
    assert not is_before(TABLE, {"_id": "a"}, 1000)


def test_rows_of_other_tables_do_not_expire() -> None:
    kept = Table("model", "kept")
    assert age_index(kept) is None
    assert not is_before(kept, {"_id": "a", "log": {"pos": 1, "time": 1}}, 1000)
