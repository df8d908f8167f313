"""Heads are read from the store once, as long as a worker reads on where it was."""

from collections.abc import Iterable

import pytest

from core.ports.documents import Changes, Row, TableGeneration, Write
from projections.messages.message_rows import HEADS
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_EDITED, MESSAGE_SENT, Partition
from streams.processors.head_cache import HeadCache
from streams.runtime.processor import Batch

PLACE = TableGeneration(HEADS, 1)
AT, OTHER = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_EDITED, 0)


class Documents(MemoryDocuments):
    """A store that remembers which rows were read."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        wanted = sorted(ids)
        self.got += wanted
        return await super().get(place, wanted)


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def heads(documents: Documents) -> HeadCache:
    return HeadCache(documents)


def batch(begins: int, ends: int, at: Partition = AT, *, generation: int = 1, life: int = 0) -> Batch:
    return Batch((), "messages", generation, {at: ends}, {at: begins} if begins else {}, life=life)


def head(n: int, lane: str = "sent", key: str = "room") -> Write:
    return Write(key, {"tenant": "acme"}, {lane: {"pos": n - 1, "n": n}})


async def numbers(heads: HeadCache, of: Batch, *keys: str) -> dict[str, int]:
    return {key: row["sent"]["n"] for key, row in (await heads.read(of, PLACE, keys)).items()}


async def test_batch_that_follows_reads_nothing(heads: HeadCache, documents: Documents) -> None:
    first, second = batch(0, 2), batch(2, 3)
    assert await numbers(heads, first, "room") == {}
    heads.saved(first, [head(2)])
    assert await numbers(heads, second, "room") == {"room": 2}
    heads.saved(second, [head(3)])
    assert await numbers(heads, batch(3, 4), "room", "other") == {"room": 3}
    assert documents.got == ["room", "other"]


@pytest.mark.parametrize(
    "after",
    [batch(3, 4), batch(1, 4), batch(0, 4), batch(2, 4, generation=2), batch(2, 4, life=1), batch(5, 6, OTHER)],
    ids=["a gap", "an overlap", "the beginning", "another generation", "another life", "a new partition"],
)
async def test_row_is_read_again_after_anything_else(heads: HeadCache, documents: Documents, after: Batch) -> None:
    first = batch(0, 2)
    await heads.read(first, PLACE, ["room"])
    heads.saved(first, [head(2)])
    assert await numbers(heads, after, "room") == {}
    assert documents.got == ["room", "room"]


async def test_partition_that_begins_keeps_the_others(heads: HeadCache, documents: Documents) -> None:
    first = batch(0, 2)
    await heads.read(first, PLACE, ["room"])
    heads.saved(first, [head(2)])
    begins = batch(0, 1, OTHER)
    assert await numbers(heads, begins, "room") == {"room": 2}
    heads.saved(begins, [head(1, "edited")])
    row = (await heads.read(batch(2, 3), PLACE, ["room"]))["room"]
    assert (row["sent"]["n"], row["edited"]["n"]) == (2, 1)
    assert documents.got == ["room"]


async def test_new_partition_keeps_the_rows_that_others_need(heads: HeadCache, documents: Documents) -> None:
    first, new = batch(7, 8), batch(5, 6, OTHER)
    await heads.read(first, PLACE, ["room"])
    heads.saved(first, [head(2)])
    await heads.read(new, PLACE, ["another"])
    heads.saved(new, [head(1, "edited", "another")])
    assert await numbers(heads, batch(8, 9), "room") == {"room": 2}
    assert documents.got == ["room", "another"]


async def test_row_read_before_a_new_partition_is_read_again_for_it(heads: HeadCache, documents: Documents) -> None:
    first, new = batch(7, 8), batch(5, 6, OTHER)
    await heads.read(first, PLACE, ["room"])
    heads.saved(first, [head(2)])
    await heads.read(new, PLACE, ["another"])
    heads.saved(new, [])
    await documents.save(Changes([], [(PLACE, [head(2), head(9, "edited")])]))
    row = (await heads.read(batch(6, 7, OTHER), PLACE, ["room"]))["room"]
    assert (row["sent"]["n"], row["edited"]["n"]) == (2, 9)
    assert documents.got == ["room", "another", "room"]


async def test_batch_that_was_not_saved_forgets_all(heads: HeadCache, documents: Documents) -> None:
    first = batch(0, 2)
    await heads.read(first, PLACE, ["room"])
    heads.saved(first, [head(2)])
    for _ in range(2):
        await heads.read(batch(2, 3), PLACE, ["room"])
    assert documents.got == ["room", "room"]


async def test_batch_without_positions_leaves_nothing(heads: HeadCache, documents: Documents) -> None:
    single = Batch((), "messages", 1, {})
    await heads.read(single, PLACE, ["room"])
    heads.saved(single, [head(1)])
    assert await numbers(heads, single, "room") == {}
    assert documents.got == ["room", "room"]


async def test_memory_is_bounded(heads: HeadCache, documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.processors.head_cache.MAX_HEADS", 2)
    first = batch(0, 3)
    await heads.read(first, PLACE, ["a", "b", "c"])
    heads.saved(first, [])
    await heads.read(batch(3, 4), PLACE, ["a"])
    assert documents.got == ["a", "b", "c", "a"]
