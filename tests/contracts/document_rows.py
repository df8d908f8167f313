"""Contract of every document store: rows and facets."""

import asyncio
import random
from typing import Any

import pytest

from core.ports.documents import Changes, Checkpoint, Documents, TableGeneration
from core.positions import position
from schemas.topics import MESSAGE_SENT, Partition
from tests.contracts.document_samples import (
    BIG,
    FIRST,
    INT64,
    fresh,
    rows,
    seen,
    sent,
    write,
)


class DocumentRowsContract:
    """Rows, facets, results of saves, and concurrent saves."""

    # rows and facets

    async def test_row_round_trips(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 1, sender="ann")))
        assert await documents.get(place, ["a"]) == {
            "a": {"_id": "a", "conversation_id": "c", "sender": "ann", "sent": {"pos": FIRST + 1, "n": 1}}
        }

    async def test_get_returns_existing_rows(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, *(sent(f"r{n}", n) for n in range(1, 4))))
        assert set(await documents.get(place, ["r1", "nobody", "r3", "r1"])) == {"r1", "r3"}
        assert await documents.get(place, []) == {}
        assert set(await documents.get(place, iter(["r2"]))) == {"r2"}

    async def test_facets_returns_the_facet_of_the_order_field(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        edited = {"pos": BIG, "n": 7, "versions": [{"text": 'say "so" 😀'}]}
        await documents.save(rows(place, sent("a", 1), sent("b", 2), write("c", {"edited": {"pos": 1}})))
        await documents.save(rows(place, write("b", {"edited": edited}), write("d", {"edited": edited})))
        assert await documents.facets(place, ["a", "b", "c", "nobody", "b"], "by_edit") == {"b": edited}
        assert await documents.facets(place, ["a", "nobody"], "by_edit") == {}
        assert await documents.facets(place, [], "by_edit") == {}

    @pytest.mark.parametrize(
        "content",
        [
            {"text": 'quotes " and \\ and ☃ and 😀 and \n and \x7f'},
            {"text": ""},
            {"nothing": None, "yes": True, "no": False},
            {"real": 0.1, "negative": -17, "large": INT64, "small": -INT64},
            {"list": [1, "2", None, [], {}], "object": {"a": {"b": {"c": []}}}},
            {"versions": [{"pos": BIG, "text": "x"}, {"pos": BIG - 1, "text": "y"}]},
            {"a_key with space": 1, "ключ": 2, "": 3, 'say "so"': 4},
        ],
    )
    async def test_values_of_all_json_types_round_trip(
        self, documents: Documents, place: TableGeneration, content: dict[str, Any]
    ) -> None:
        await documents.save(rows(place, write("a", {"sent": {"pos": 1, **content}}, conversation_id="☃ 'c'")))
        row = (await documents.get(place, ["a"]))["a"]
        assert row == {"_id": "a", "conversation_id": "☃ 'c'", "sent": {"pos": 1, **content}}
        assert list(row["sent"]) == ["pos", *content]

    async def test_newer_position_replaces_the_whole_facet(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, write("a", {"edited": {"pos": 5, "text": "old", "more": 1}})))
        await documents.save(rows(place, write("a", {"edited": {"pos": 6, "text": "new"}})))
        assert (await documents.get(place, ["a"]))["a"]["edited"] == {"pos": 6, "text": "new"}

    async def test_older_position_never_replaces_a_newer(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, write("a", {"edited": {"pos": 6, "text": "new"}})))
        await documents.save(rows(place, write("a", {"edited": {"pos": 5, "text": "zzz", "zzz": 9}})))
        assert (await documents.get(place, ["a"]))["a"]["edited"] == {"pos": 6, "text": "new"}

    @pytest.mark.parametrize(("old", "new"), [(9, 10), (BIG - 1, BIG), (position(1, (1 << 48) - 1), position(2, 0))])
    async def test_positions_are_exact_integers(
        self, documents: Documents, place: TableGeneration, old: int, new: int
    ) -> None:
        await documents.save(rows(place, write("a", {"edited": {"pos": old}})))
        await documents.save(rows(place, write("a", {"edited": {"pos": new}})))
        await documents.save(rows(place, write("a", {"edited": {"pos": old}})))
        assert (await documents.get(place, ["a"]))["a"]["edited"]["pos"] == new

    async def test_same_position_again_changes_nothing(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 1)))
        before = await documents.get(place, ["a"])
        assert await documents.save(rows(place, sent("a", 1))) == frozenset()
        assert await documents.get(place, ["a"]) == before

    async def test_same_position_with_other_content_keeps_one_of_them(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        contents: list[dict[str, Any]] = [{"pos": 5, "text": "b"}, {"pos": 5, "text": "a"}, {"pos": 5, "n": None}]
        for content in contents:
            await documents.save(rows(place, write("a", {"edited": content})))
        assert (await documents.get(place, ["a"]))["a"]["edited"] in contents

    async def test_facets_of_one_row_are_independent(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, write("a", {"sent": {"pos": 5, "n": 1}, "edited": {"pos": 100, "n": 1}})))
        await documents.save(rows(place, write("a", {"edited": {"pos": 50, "n": 9}, "deleted": {"pos": 1, "n": 1}})))
        await documents.save(rows(place, write("a", {"sent": {"pos": 6, "n": 2}})))
        assert await documents.get(place, ["a"]) == {
            "a": {
                "_id": "a",
                "sent": {"pos": 6, "n": 2},
                "edited": {"pos": 100, "n": 1},
                "deleted": {"pos": 1, "n": 1},
            }
        }

    async def test_first_facet_creates_the_row_and_others_are_added(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        edit = write("a", {"edited": {"pos": 7, "text": "later"}}, conversation_id="c")
        first = write("a", {"sent": {"pos": 3, "n": 1}}, conversation_id="c")
        assert await documents.save(rows(place, edit)) == frozenset({"a"})
        assert await documents.get(place, ["a"]) == {
            "a": {"_id": "a", "conversation_id": "c", "edited": {"pos": 7, "text": "later"}}
        }
        assert await documents.save(rows(place, first)) == frozenset()
        assert (await documents.get(place, ["a"]))["a"] == {
            "_id": "a",
            "conversation_id": "c",
            "edited": {"pos": 7, "text": "later"},
            "sent": {"pos": 3, "n": 1},
        }

    async def test_batch_may_write_a_row_twice(self, documents: Documents, place: TableGeneration) -> None:
        twice = [write("a", {"edited": {"pos": 2, "n": 2}}), write("a", {"edited": {"pos": 1, "n": 1}})]
        other = [write("b", {"edited": {"pos": 1, "n": 1}}), write("b", {"sent": {"pos": 1, "n": 1}})]
        assert await documents.save(rows(place, *twice, *other)) == frozenset({"a", "b"})
        found = await documents.get(place, ["a", "b"])
        assert found["a"] == {"_id": "a", "edited": {"pos": 2, "n": 2}}
        assert found["b"] == {"_id": "b", "edited": {"pos": 1, "n": 1}, "sent": {"pos": 1, "n": 1}}

    async def test_returned_rows_are_copies(self, documents: Documents, place: TableGeneration) -> None:
        content: dict[str, Any] = {"pos": 1, "list": [1]}
        await documents.save(rows(place, write("a", {"sent": content})))
        content["list"].append(2)
        row = (await documents.get(place, ["a"]))["a"]
        row["sent"]["list"].append(3)
        row["more"] = 1
        assert await documents.get(place, ["a"]) == {"a": {"_id": "a", "sent": {"pos": 1, "list": [1]}}}

    async def test_large_batch_is_saved_and_read(self, documents: Documents, place: TableGeneration) -> None:
        ids = [f"row {n:05}" for n in range(2500)]
        made = await documents.save(rows(place, *(sent(row, n) for n, row in enumerate(ids))))
        assert made == frozenset(ids)
        found = await documents.get(place, ids)
        assert [found[row]["sent"]["n"] for row in ids] == list(range(2500))

    # the result of a save

    async def test_save_returns_the_created_rows(self, documents: Documents, place: TableGeneration) -> None:
        assert await documents.save(rows(place, sent("a", 1), sent("b", 2))) == frozenset({"a", "b"})
        assert await documents.save(rows(place, sent("b", 2), sent("c", 3), sent("a", 9))) == frozenset({"c"})
        assert await documents.save(rows(place, sent("a", 9))) == frozenset()

    async def test_heads_are_saved_and_not_returned(
        self, documents: Documents, place: TableGeneration, heads: TableGeneration
    ) -> None:
        head = write("c", {"sent": {"pos": 9, "n": 3}})
        assert await documents.save(Changes([(place, [sent("a", 1)])], [(heads, [head])])) == frozenset({"a"})
        assert await documents.get(heads, ["c"]) == {"c": {"_id": "c", "sent": {"pos": 9, "n": 3}}}
        await documents.save(Changes([], [(heads, [write("c", {"sent": {"pos": 8, "n": 2}})])]))
        assert (await documents.get(heads, ["c"]))["c"]["sent"] == {"pos": 9, "n": 3}

    async def test_saving_nothing_is_harmless(self, documents: Documents, place: TableGeneration) -> None:
        assert await documents.save(Changes([], [])) == frozenset()
        assert await documents.save(Changes([(place, [])], [(place, [])])) == frozenset()

    async def test_save_stores_rows_heads_and_checkpoint(
        self, documents: Documents, place: TableGeneration, heads: TableGeneration
    ) -> None:
        processor, at = fresh("processor"), Partition(MESSAGE_SENT, 0)
        head = write("c", {"sent": {"pos": 1, "n": 1}})
        checkpoint = Checkpoint(processor, place.generation, {at: FIRST + 1})
        await documents.save(Changes([(place, [sent("a", 1)])], [(heads, [head])], checkpoint))
        assert set(await documents.get(place, ["a"])) == {"a"}
        assert set(await documents.get(heads, ["c"])) == {"c"}
        assert await documents.checkpoints(processor, place.generation) == {at: FIRST + 1}
        await documents.drop([], (processor, place.generation))

    # concurrent saves

    async def test_concurrent_saves_of_one_row_create_it_once_and_keep_the_newest(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        order = list(range(1, 21))
        random.shuffle(order)
        made = await asyncio.gather(
            *(documents.save(rows(place, write("a", {"edited": {"pos": at, "n": at}}))) for at in order)
        )
        assert sorted(map(sorted, made)) == [[]] * 19 + [["a"]]
        assert (await documents.get(place, ["a"]))["a"]["edited"] == {"pos": 20, "n": 20}

    async def test_concurrent_saves_of_different_facets_are_all_kept(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        names = [f"facet{n}" for n in range(10)]
        ids = [f"r{n}" for n in range(10)]
        made = await asyncio.gather(
            *(documents.save(rows(place, *(write(row, {name: {"pos": 1}}) for row in ids))) for name in names)
        )
        assert sorted(row for one in made for row in one) == ids
        expected = {name: {"pos": 1} for name in names}
        assert await documents.get(place, ids) == {row: {"_id": row, **expected} for row in ids}

    # removals

    async def test_removed_row_is_gone_and_the_others_stay(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, *(sent(f"r{n}", n) for n in range(5))))
        await documents.remove(place, ["r1", "r3", "never there"])
        assert seen(await documents.scan(place)) == ["r0", "r2", "r4"]
        assert seen(await documents.find(place, "by_n", ["c"])) == ["r0", "r2", "r4"]

    async def test_row_saved_after_its_removal_is_new(self, documents: Documents, place: TableGeneration) -> None:
        await documents.save(rows(place, sent("a", 9)))
        await documents.remove(place, ["a"])
        assert await documents.save(rows(place, sent("a", 1))) == {"a"}
        assert (await documents.get(place, ["a"]))["a"]["sent"]["n"] == 1

    async def test_table_whose_rows_were_all_removed_is_not_lost(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, *(sent(f"r{n}", n) for n in range(1500))))
        await documents.remove(place, [f"r{n}" for n in range(1500)])
        await documents.remove(place, [])
        assert await documents.scan(place) == []
        assert await documents.find(place, "by_n", ["c"]) == []

    async def test_index_without_equal_fields_finds_rows_of_all(
        self, documents: Documents, place: TableGeneration
    ) -> None:
        await documents.save(rows(place, *(sent(f"r{n}", n, conversation_id=f"c{n % 2}") for n in range(6))))
        assert seen(await documents.find(place, "all_by_n", (), low=1, high=4, limit=2)) == ["r1", "r2"]
