"""Contract of every document store after saved data was lost, by the store or from outside."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core.ports.documents import (
    Base,
    Changes,
    Checkpoint,
    DataLost,
    Documents,
    Fingerprint,
    StoreWentBack,
    TableGeneration,
)
from core.positions import position
from schemas.topics import MESSAGE_EDITED, MESSAGE_SENT, Partition
from tests.contracts.document_samples import ROWS, fresh, rows, sent, stands, write

AT, OTHER = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_EDITED, 2)
Lose = Callable[[TableGeneration], Awaitable[None]]
"""Drops a table from outside."""


class DocumentLossesContract:
    """Give a fixture `lose`: `Lose`."""

    @pytest.fixture
    async def processor(self, documents: Documents, place: TableGeneration) -> AsyncIterator[str]:
        processor = fresh("processor")
        yield processor
        await documents.drop([], (processor, place.generation))

    # on top of a checkpoint

    async def test_batch_is_saved_on_its_base(
        self, documents: Documents, place: TableGeneration, processor: str
    ) -> None:
        await documents.save(stands(processor, place.generation, {AT: position(1, 5), OTHER: position(1, 2)}))
        for offset in (6, 7, 7):  # a repeated save has an older base
            base = Base(processor, place.generation, {AT: position(1, 5)}, documents.life)
            new = Checkpoint(processor, place.generation, {AT: position(1, offset)})
            await documents.save(Changes([(place, [sent("a", offset)])], [], new, base))
        found = await documents.checkpoints(processor, place.generation)
        assert found == {AT: position(1, 7), OTHER: position(1, 2)}

    @pytest.mark.parametrize("there", [{}, {AT: position(1, 4)}, {OTHER: position(1, 9)}])
    async def test_save_fails_if_the_store_is_before_the_base(
        self,
        documents: Documents,
        place: TableGeneration,
        heads: TableGeneration,
        processor: str,
        there: dict[Partition, int],
    ) -> None:
        await documents.save(stands(processor, place.generation, there))
        base = Base(processor, place.generation, {AT: position(1, 5)}, documents.life)
        new = Checkpoint(processor, place.generation, {AT: position(1, 6)})
        head = write("c", {"sent": {"pos": 6, "n": 6}})
        with pytest.raises(StoreWentBack, match=processor):
            await documents.save(Changes([(place, [sent("a", 6)])], [(heads, [head])], new, base))
        with pytest.raises(StoreWentBack):
            await documents.save(Changes([(place, [sent("a", 6)])], [], base=base))
        assert await documents.get(place, ["a"]) == {}
        assert await documents.get(heads, ["c"]) == {}
        assert await documents.checkpoints(processor, place.generation) == there

    async def test_empty_base_is_always_accepted(
        self, documents: Documents, place: TableGeneration, processor: str
    ) -> None:
        new = Checkpoint(processor, place.generation, {AT: position(1, 6)})
        await documents.save(Changes([], [], new, Base(processor, place.generation, {}, documents.life)))
        assert await documents.checkpoints(processor, place.generation) == {AT: position(1, 6)}

    # fingerprints

    async def test_digest_of_the_last_checkpoint_is_kept(
        self, documents: Documents, place: TableGeneration, processor: str
    ) -> None:
        def saved(offset: int, digest: str) -> Changes:
            return Changes([], [], Checkpoint(processor, place.generation, {AT: position(1, offset)}, {AT: digest}))

        assert await documents.fingerprints(processor, place.generation) == {}
        await documents.save(stands(processor, place.generation, {OTHER: position(1, 3)}))
        for offset, digest in ((2, "two"), (9, "nine"), (4, "four")):
            await documents.save(saved(offset, digest))
        found = await documents.fingerprints(processor, place.generation)
        assert found == {AT: Fingerprint(position(1, 9), "nine")}

    # lost tables

    async def test_lost_table_is_not_an_empty_table(
        self, documents: Documents, place: TableGeneration, lose: Lose
    ) -> None:
        await documents.save(rows(place, sent("a", 1)))
        await documents.save(stands("contract", place.generation, {AT: position(1, 1)}))
        await lose(place)
        with pytest.raises(DataLost, match="contract"):
            await documents.get(place, ["a"])
        with pytest.raises(DataLost):
            await documents.get(place, ["nobody"])
        with pytest.raises(DataLost):
            await documents.facets(place, ["a"], "by_n")
        with pytest.raises(DataLost):
            await documents.find(place, "by_n", ["c"])
        with pytest.raises(DataLost):
            await documents.scan(place)
        with pytest.raises(DataLost):
            await documents.prepare([place])

    async def test_lost_table_stays_lost_for_later_clients(
        self, documents: Documents, place: TableGeneration, lose: Lose
    ) -> None:
        await documents.save(stands("contract", place.generation, {AT: position(1, 1)}))
        await lose(place)
        await documents.stop()
        await documents.start((ROWS,))
        with pytest.raises(DataLost):
            await documents.prepare([place])
        await documents.drop([place], ("contract", place.generation))

    async def test_table_lost_with_its_checkpoint_is_created_again(
        self, documents: Documents, place: TableGeneration, lose: Lose
    ) -> None:
        await documents.save(rows(place, sent("a", 1)))
        await lose(place)
        await documents.prepare([place])
        assert await documents.scan(place) == []
        await documents.save(rows(place, sent("b", 2)))
        assert set(await documents.get(place, ["a", "b"])) == {"b"}

    async def test_unprepared_or_dropped_table_is_empty(
        self, documents: Documents, place: TableGeneration, lose: Lose
    ) -> None:
        never = TableGeneration(ROWS, place.generation + 1_000_000)
        assert await documents.get(never, ["a"]) == {}
        assert await documents.facets(never, ["a"], "by_n") == {}
        assert await documents.scan(never) == []
        assert await documents.find(never, "by_n", ["c"]) == []
        await lose(place)
        await documents.drop([place])
        assert await documents.scan(place) == []
        await documents.prepare([place])
        await documents.save(rows(place, sent("a", 1)))
        assert set(await documents.get(place, ["a"])) == {"a"}

    async def test_repeated_and_concurrent_preparing_is_harmless(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, sent("a", 1)))
        await asyncio.gather(*(documents.prepare([place]) for _ in range(4)))
        assert [row["_id"] for row in await documents.scan(place)] == ["a"]
        assert set(await documents.get(place, ["a"])) == {"a"}
