"""Two generations are compared row by row."""

from typing import Any

import pytest

from core.health import Health
from core.ports.documents import Changes, Table, TableGeneration, Write
from projections.expiry import advance_horizon, aged_by
from streams.rebuild.compare import Comparison, Side, differing, digest, merged
from tests.streams.world import FrailDocuments

TABLE = Table("m", "rows")


class Sides:
    """A fold (generation 2) and a live generation (1) of one table."""

    def __init__(self) -> None:
        self.documents = FrailDocuments()
        self.fold, self.live = Side(self.documents, 2), Side(self.documents, 1)
        self.comparison = Comparison([TABLE], self.fold, self.live, Health())

    async def put(self, side: Side, row_id: str, pos: int, **fields: Any) -> None:
        write = Write(row_id, {"tenant": "acme"}, {"sent": {"pos": pos, **fields}})
        await self.documents.save(Changes([(TableGeneration(TABLE, side.generation), [write])], []))

    async def both(self, row_id: str, pos: int, **fields: Any) -> None:
        await self.put(self.fold, row_id, pos, **fields)
        await self.put(self.live, row_id, pos, **fields)

    def named(self) -> list[tuple[str, str]]:
        return [(one.id, one.what) for one in self.comparison.differences]


@pytest.fixture
def sides() -> Sides:
    return Sides()


async def test_rows_are_merged_by_id_in_the_order_of_code_points(sides: Sides) -> None:
    for row_id in ("b", "a", "\uff5e", "😀"):
        await sides.put(sides.fold, row_id, 1)
    for row_id in ("c", "a", "😀"):
        await sides.put(sides.live, row_id, 1)
    found = [
        (row_id, mine is not None, theirs is not None)
        async for row_id, mine, theirs in merged(TABLE, sides.fold, sides.live, Health())
    ]
    assert found == [
        ("a", True, True),
        ("b", True, False),
        ("c", False, True),
        ("\uff5e", True, False),
        ("😀", True, True),
    ]


async def test_more_rows_than_a_page_are_all_compared(sides: Sides) -> None:
    for n in range(2100):
        await sides.both(f"{n:05}", n)
    await sides.comparison.scan()
    assert (sides.comparison.rows, sides.named(), sides.comparison.pending) == (2100, [], {})


async def test_rows_at_the_same_positions_must_agree(sides: Sides) -> None:
    await sides.put(sides.fold, "a", 1, text="x")
    await sides.put(sides.live, "a", 1, text="y")
    await sides.comparison.scan()
    assert sides.named() == [("a", "sent")]
    assert (sides.comparison.differences[0].expected["text"], sides.comparison.differences[0].found["text"]) == (
        "x",
        "y",
    )


async def test_row_ahead_is_not_a_difference_and_is_checked_again(sides: Sides) -> None:
    await sides.both("a", 1)
    await sides.put(sides.live, "a", 2, text="new")
    await sides.put(sides.live, "b", 3)
    await sides.comparison.scan()
    assert set(sides.comparison.pending) == {("rows", "a"), ("rows", "b")}
    await sides.put(sides.fold, "a", 2, text="new")
    await sides.put(sides.fold, "b", 3)
    await sides.comparison.recheck()
    assert (sides.named(), sides.comparison.pending) == ([], {})


async def test_row_that_changes_between_two_checks_stays_pending(sides: Sides) -> None:
    await sides.both("a", 1)
    await sides.put(sides.live, "a", 2)
    await sides.comparison.scan()
    await sides.put(sides.fold, "a", 2)
    await sides.put(sides.live, "a", 3)
    await sides.comparison.recheck()
    assert sides.named() == [] and list(sides.comparison.pending) == [("rows", "a")]


async def test_row_that_stayed_while_the_fold_followed_differs(sides: Sides) -> None:
    await sides.put(sides.live, "added by hand", 1)
    await sides.put(sides.fold, "removed by hand", 1)
    await sides.comparison.scan()
    assert sides.named() == []
    await sides.comparison.recheck()
    assert sides.named() == [("added by hand", "row"), ("removed by hand", "row")]


async def test_rows_touched_since_are_checked(sides: Sides) -> None:
    await sides.put(sides.fold, "a", 1, text="x")
    await sides.put(sides.live, "a", 1, text="y")
    await sides.comparison.recheck([("rows", "a")])
    assert sides.named() == [("a", "sent")]


async def test_other_positions_in_the_final_check_are_a_difference(sides: Sides) -> None:
    await sides.put(sides.fold, "a", 1)
    await sides.put(sides.live, "a", 2)
    await sides.comparison.final_check([("rows", "a")])
    assert sides.named() == [("a", "sent")]


async def test_differing_rows_are_counted_and_the_first_hundred_named(sides: Sides) -> None:
    for n in range(300):
        await sides.put(sides.fold, f"{n:05}", 1, text="x")
        await sides.put(sides.live, f"{n:05}", 1, text="y")
    await sides.comparison.scan()
    assert (sides.comparison.rows, len(sides.comparison.differing)) == (300, 300)
    assert sides.named() == [(f"{n:05}", "sent") for n in range(100)]


async def test_row_with_several_differing_facets_is_one_row(sides: Sides) -> None:
    for side, text in ((sides.fold, "x"), (sides.live, "y")):
        facets = {"sent": {"pos": 1, "text": text}, "edited": {"pos": 2, "text": text}}
        place = TableGeneration(TABLE, side.generation)
        await sides.documents.save(Changes([(place, [Write("a", {"tenant": text}, facets)])], []))
    await sides.comparison.scan()
    await sides.comparison.recheck([("rows", "a")])
    assert sides.named() == [("a", "edited"), ("a", "sent"), ("a", "tenant")]
    assert sides.comparison.differing == {("rows", "a")}


async def test_only_equal_rows_have_equal_digests(sides: Sides) -> None:
    await sides.both("a", 1, text="x")
    assert await digest([TABLE], sides.fold, Health()) == await digest([TABLE], sides.live, Health())
    await sides.put(sides.live, "b", 1)
    assert await digest([TABLE], sides.fold, Health()) != await digest([TABLE], sides.live, Health())


def test_differing_facets_and_fixed_fields_are_named() -> None:
    expected = {"_id": "a", "tenant": "x", "sent": {"pos": 1}, "edited": {"pos": 2}}
    found = {"_id": "a", "tenant": "y", "sent": {"pos": 1}, "deleted": {"pos": 3}}
    assert [one.what for one in differing("rows", "a", expected, found)] == ["deleted", "edited", "tenant"]


AGED = Table("m", "aged", (aged_by("sent.time"),))


async def test_live_row_that_was_removed_for_its_age_is_no_difference(sides: Sides) -> None:
    comparison = Comparison([AGED], sides.fold, sides.live, Health(), sides.documents)
    place = TableGeneration(AGED, 2)
    writes = [Write(f"r{n}", {}, {"sent": {"pos": n, "time": n * 1000}}) for n in (1, 2, 3)]
    await sides.documents.save(Changes([(place, writes)], []))
    await advance_horizon(sides.documents, TableGeneration(AGED, 1), 3000)
    await comparison.scan()
    assert list(comparison.pending) == [("aged", "r3")]
    await advance_horizon(sides.documents, TableGeneration(AGED, 1), 4000)
    await comparison.recheck()
    assert (comparison.pending, comparison.differences) == ({}, [])


async def test_old_live_row_that_differs_is_named(sides: Sides) -> None:
    comparison = Comparison([AGED], sides.fold, sides.live, Health(), sides.documents)
    for side, text in ((sides.fold, "one"), (sides.live, "other")):
        write = Write("r1", {}, {"sent": {"pos": 1, "time": 1000, "text": text}})
        await sides.documents.save(Changes([(TableGeneration(AGED, side.generation), [write])], []))
    await advance_horizon(sides.documents, TableGeneration(AGED, 1), 3000)
    await comparison.scan()
    assert [one.what for one in comparison.differences] == ["sent"]
