"""Contract of every document store: checkpoints, queries, pointers, generations."""

import asyncio
import random
from typing import Any

from core.ports.documents import Documents, TableGeneration
from schemas.topics import MESSAGE_SENT, Partition, partitions
from tests.contracts.document_samples import (
    BIG,
    ROWS,
    fresh,
    rows,
    seen,
    sent,
    stands,
    write,
)


class DocumentQueriesContract:
    """The contract except for rows."""

    # checkpoints

    async def test_unknown_processor_has_no_checkpoint(self, documents: Documents) -> None:
        assert await documents.checkpoints(fresh("processor"), 1) == {}

    async def test_checkpoint_never_goes_back(self, documents: Documents) -> None:
        processor, [one, other, *_] = fresh("processor"), partitions(MESSAGE_SENT)
        await documents.save(stands(processor, 1, {one: BIG, other: 7}))
        await documents.save(stands(processor, 1, {one: BIG - 1, other: 8}))
        assert await documents.checkpoints(processor, 1) == {one: BIG, other: 8}
        await documents.save(stands(processor, 1, {other: 9}))
        assert await documents.checkpoints(processor, 1) == {one: BIG, other: 9}
        await documents.drop([], (processor, 1))

    async def test_concurrent_checkpoints_keep_the_last(self, documents: Documents) -> None:
        processor, at = fresh("processor"), Partition(MESSAGE_SENT, 3)
        order = list(range(1, 21))
        random.shuffle(order)
        await asyncio.gather(*(documents.save(stands(processor, 1, {at: n})) for n in order))
        assert await documents.checkpoints(processor, 1) == {at: 20}
        await documents.drop([], (processor, 1))

    async def test_processors_and_generations_are_separate(self, documents: Documents) -> None:
        one, other, at = fresh("processor"), fresh("processor"), Partition(MESSAGE_SENT, 3)
        await documents.save(stands(one, 1, {at: 10}))
        await documents.save(stands(one, 2, {at: 5}))
        await documents.save(stands(other, 1, {at: 1}))
        assert await documents.checkpoints(one, 1) == {at: 10}
        assert await documents.checkpoints(one, 2) == {at: 5}
        assert await documents.checkpoints(other, 1) == {at: 1}
        await documents.drop([], (one, 1))
        assert await documents.checkpoints(one, 1) == {}
        assert await documents.checkpoints(one, 2) == {at: 5}
        await documents.drop([], (one, 2))
        await documents.drop([], (other, 1))

    # queries

    async def test_find_returns_a_range_of_the_order(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, *(sent(f"r{n}", n) for n in range(15, 0, -1))))
        await documents.save(rows(place, *(sent(f"other{n}", n, conversation_id="d") for n in range(1, 16))))

        async def found(**bounds: Any) -> list[int]:
            answer = await documents.find(place, "by_n", ["c"], **bounds)
            assert all(row["_id"] == f"r{row['sent']['n']}" for row in answer)
            return [row["sent"]["n"] for row in answer]

        assert await found() == list(range(1, 16))
        assert await found(low=9, high=12) == [9, 10, 11]
        assert await found(low=14) == [14, 15]
        assert await found(high=3) == [1, 2]
        assert await found(low=5, high=5) == []
        assert await found(reverse=True) == list(range(15, 0, -1))
        assert await found(low=9, high=12, reverse=True) == [11, 10, 9]
        assert await found(limit=4) == [1, 2, 3, 4]
        assert await found(low=2, limit=2) == [2, 3]
        assert await found(reverse=True, limit=3) == [15, 14, 13]
        assert await found(reverse=True, high=10, limit=2) == [9, 8]

    async def test_find_returns_whole_rows(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 1), write("a", {"edited": {"pos": 9, "n": 4, "text": "t"}})))
        [row] = await documents.find(place, "by_edit", ["c"])
        assert {row["_id"]: row} == await documents.get(place, ["a"])

    async def test_rows_without_the_order_field_are_not_found(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, sent("a", 1), sent("b", 2)))
        await documents.save(
            rows(
                place,
                write("b", {"edited": {"pos": 9, "n": 1}}, conversation_id="c"),
                write("only edited", {"edited": {"pos": 8, "n": 2}}, conversation_id="c"),
                write("edited without n", {"edited": {"pos": 7}}, conversation_id="c"),
            )
        )
        assert seen(await documents.find(place, "by_n", ["c"])) == ["a", "b"]
        assert seen(await documents.find(place, "by_n", ["c"], low=0, high=99, reverse=True)) == ["b", "a"]
        assert seen(await documents.find(place, "by_edit", ["c"])) == ["b", "only edited"]

    async def test_find_sees_later_and_changed_facets(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 1)))
        assert await documents.find(place, "by_edit", ["c"]) == []
        await documents.save(rows(place, write("a", {"edited": {"pos": 1, "n": 1}}, conversation_id="c")))
        assert seen(await documents.find(place, "by_edit", ["c"], high=2)) == ["a"]
        await documents.save(rows(place, write("a", {"edited": {"pos": 2, "n": 5}}, conversation_id="c")))
        assert await documents.find(place, "by_edit", ["c"], high=2) == []
        assert seen(await documents.find(place, "by_edit", ["c"], low=5)) == ["a"]

    async def test_order_fields_may_be_nested(self, documents: Documents, place: TableGeneration) -> None:
        for n, row in enumerate("bca"):
            deep = {"pos": 1, "deep": {"er": {"n": n}}}
            await documents.save(rows(place, write(row, {"sent": deep}, conversation_id="c")))
        await documents.save(rows(place, write("d", {"sent": {"pos": 1, "deep": {"n": 0}}}, conversation_id="c")))
        assert seen(await documents.find(place, "by_depth", ["c"])) == ["b", "c", "a"]
        assert seen(await documents.find(place, "by_depth", ["c"], low=1, high=2)) == ["c"]

    async def test_ranges_of_positions_are_exact(self, documents: Documents, place: TableGeneration) -> None:
        for n in range(4):
            await documents.save(rows(place, write(f"r{n}", {"sent": {"pos": BIG - n}}, conversation_id="c")))
        assert seen(await documents.find(place, "by_position", ["c"])) == ["r3", "r2", "r1", "r0"]
        found = await documents.find(place, "by_position", ["c"], low=BIG - 2, high=BIG)
        assert [row["sent"]["pos"] for row in found] == [BIG - 2, BIG - 1]

    async def test_all_equals_fields_must_have_their_values(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(
            rows(
                place,
                sent("a", 1, sender="ann"),
                sent("b", 2, sender="bob"),
                sent("d", 3, sender="ann", conversation_id="d"),
                sent("nobody's", 4),
                sent("e", 5, sender="ann"),
            )
        )
        assert seen(await documents.find(place, "by_two", ["c", "ann"])) == ["a", "e"]
        assert seen(await documents.find(place, "by_two", ["d", "ann"])) == ["d"]
        assert await documents.find(place, "by_two", ["d", "bob"]) == []

    async def test_equals_fields_may_be_within_a_facet(self, documents: Documents, place: TableGeneration) -> None:
        def under(row: str, n: int, conversation_id: str = "c", **fields: str) -> Any:
            return write(row, {"sent": {"pos": n, "n": n, **fields}}, conversation_id=conversation_id)

        await documents.save(
            rows(
                place,
                under("a", 3, root="r"),
                under("b", 1, root="r"),
                under("d", 2, root="other"),
                under("e", 4),
                under("f", 5, root="r"),
                under("g", 6, "d", root="r"),
            )
        )
        assert seen(await documents.find(place, "by_root", ["c", "r"])) == ["b", "a", "f"]
        assert seen(await documents.find(place, "by_root", ["c", "r"], low=2, high=5)) == ["a"]
        assert seen(await documents.find(place, "by_root", ["c", "r"], limit=2, reverse=True)) == ["f", "a"]
        assert await documents.find(place, "by_root", ["d", "other"]) == []
        assert seen(await documents.find(place, "by_n", ["c"])) == ["b", "d", "a", "e", "f"]

    async def test_equals_field_within_a_facet_changes_with_the_facet(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, sent("a", 1), sent("b", 2)))
        assert await documents.find(place, "by_tag", ["x"]) == []
        for row in ("b", "a"):
            await documents.save(rows(place, write(row, {"edited": {"pos": 1, "deep": {"tag": "x"}}})))
        assert seen(await documents.find(place, "by_tag", ["x"])) == ["a", "b"]
        assert seen(await documents.find(place, "by_tag", ["x"], after="a")) == ["b"]
        await documents.save(rows(place, write("a", {"edited": {"pos": 2, "deep": {"tag": "y"}}})))
        await documents.save(rows(place, write("b", {"edited": {"pos": 2, "deep": {}}})))
        assert await documents.find(place, "by_tag", ["x"]) == []
        assert seen(await documents.find(place, "by_tag", ["y"])) == ["a"]

    async def test_index_without_order_pages_by_id(self, documents: Documents, place: TableGeneration) -> None:
        ids = [f"r{n:02}" for n in range(25)]
        mixed = random.sample(ids, len(ids))
        await documents.save(rows(place, *(sent(row, n, sender="ann") for n, row in enumerate(mixed))))
        await documents.save(rows(place, *(sent(f"{row}x", 1, sender="bob") for row in ids)))
        assert seen(await documents.find(place, "by_sender", ["ann"])) == ids
        assert seen(await documents.find(place, "by_sender", ["ann"], limit=10)) == ids[:10]
        assert seen(await documents.find(place, "by_sender", ["ann"], after=ids[9], limit=10)) == ids[10:20]
        assert seen(await documents.find(place, "by_sender", ["ann"], after=ids[19], limit=10)) == ids[20:]
        assert await documents.find(place, "by_sender", ["ann"], after=ids[-1]) == []

    async def test_scan_returns_all_rows_sorted_by_id(self, documents: Documents, place: TableGeneration) -> None:
        ids = ["0", "10", "9", "A", "Z", "_", "a", "a/b", "ab", "é", "ж", "中"]
        await documents.save(rows(place, *(sent(row, 1) for row in random.sample(ids, len(ids)))))
        assert seen(await documents.scan(place)) == ids
        passed: list[str] = []
        while page := await documents.scan(place, after=passed[-1] if passed else "", limit=5):
            assert len(page) <= 5
            passed += seen(page)
        assert passed == ids
        assert (await documents.scan(place, limit=1))[0] == (await documents.get(place, ["0"]))["0"]

    async def test_ids_are_sorted_by_code_point(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("😀", 1), sent("\uff5e", 2)))
        assert seen(await documents.scan(place)) == ["\uff5e", "😀"]

    # pointers

    async def test_pointer_is_replaced_only_if_unchanged(self, documents: Documents) -> None:
        name = fresh("pointer")
        first, second = {"live": 1, "effects_from": {"message.sent/0": BIG}}, {"live": 2, "effects_from": {}}
        assert await documents.pointer(name) is None
        assert await documents.compare_and_set(name, second, first) is False
        assert await documents.pointer(name) is None
        assert await documents.compare_and_set(name, first, None) is True
        assert await documents.compare_and_set(name, second, None) is False
        assert await documents.pointer(name) == first
        assert await documents.compare_and_set(name, second, first) is True
        assert await documents.compare_and_set(name, first, first) is False
        assert await documents.pointer(name) == second

    async def test_one_of_concurrent_compare_and_sets_succeeds(self, documents: Documents) -> None:
        name = fresh("pointer")
        documents_of = [{"live": n} for n in range(10)]
        born = await asyncio.gather(*(documents.compare_and_set(name, one, None) for one in documents_of))
        assert born.count(True) == 1
        first = documents_of[born.index(True)]
        assert await documents.pointer(name) == first
        moved = await asyncio.gather(*(documents.compare_and_set(name, {"live": n}, first) for n in range(100, 110)))
        assert moved.count(True) == 1
        assert await documents.pointer(name) == {"live": 100 + moved.index(True)}

    # generations

    async def test_generations_are_apart(self, documents: Documents, place: TableGeneration) -> None:
        other = TableGeneration(ROWS, place.generation + 1_000_000)
        await documents.prepare([other])
        await documents.save(rows(place, sent("a", 1)))
        assert await documents.get(other, ["a"]) == {}
        assert await documents.save(rows(other, sent("a", 2))) == frozenset({"a"})
        assert (await documents.get(place, ["a"]))["a"]["sent"]["n"] == 1
        assert seen(await documents.find(other, "by_n", ["c"], low=2)) == ["a"]
        await documents.drop([other])
        assert await documents.get(other, ["a"]) == {}
        assert seen(await documents.find(place, "by_n", ["c"])) == ["a"]

    async def test_repeated_preparing_keeps_rows(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 1)))
        await documents.prepare([place, place])
        assert seen(await documents.scan(place)) == ["a"]

    async def test_dropped_generation_is_empty_and_can_be_created_again(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, sent("a", 1)))
        await documents.drop([place])
        await documents.drop([place])
        assert await documents.get(place, ["a"]) == {}
        assert await documents.scan(place) == []
        await documents.prepare([place])
        assert await documents.find(place, "by_n", ["c"]) == []
        assert await documents.save(rows(place, sent("a", 2))) == frozenset({"a"})
        assert seen(await documents.find(place, "by_n", ["c"])) == ["a"]

    async def test_dropping_deletes_checkpoints_only_on_request(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        processor, at = fresh("processor"), Partition(MESSAGE_SENT, 0)
        await documents.save(stands(processor, place.generation, {at: 1}))
        await documents.drop([place])
        assert await documents.checkpoints(processor, place.generation) == {at: 1}
        await documents.drop([place], (processor, place.generation))
        assert await documents.checkpoints(processor, place.generation) == {}

    async def test_unprepared_generation_is_empty(self, documents: Documents) -> None:
        place = TableGeneration(ROWS, random.randrange(1, 1_000_000))
        assert await documents.get(place, ["a"]) == {}
        assert await documents.find(place, "by_n", ["c"]) == []
        assert await documents.scan(place) == []

    async def test_stopping_twice_is_harmless(self, documents: Documents) -> None:
        await documents.stop()
        await documents.stop()
