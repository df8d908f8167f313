"""A record is in the sums of its day and of its actor's day once, in every cut, whoever adds it again."""

import random
from typing import Any

import pytest

from core.ports.documents import Row
from projections.audit import audit_rows, day_sums
from projections.audit.day_sums import ACTOR, EVERYONE
from projections.facts import LaneCounter
from tests.given import TENANT
from tests.projections.audit.test_audit_rows import fact

DAY = 20_777
"""2026-11-20."""


def records(count: int) -> list[Row]:
    chance = random.Random(count)
    facts = [
        fact(
            n,
            f"r{n}",
            at=f"2026-11-{chance.choice((20, 21))}T12:00:00Z",
            actor=chance.choice(("ann", "ben")),
            action=chance.choice(("message:send", "message:edit")),
            outcome=chance.choice(("success", "denied")),
            count=chance.randint(1, 5),
        )
        for n in range(count)
    ]
    return rows_of(*facts)


def rows_of(*facts: Any) -> list[Row]:
    return [{"_id": one.id, **one.fixed, **one.facets} for one in audit_rows.fold(facts, {}, LaneCounter({})).rows]


def added(rows: dict[str, Row], some: list[Row]) -> dict[str, Row]:
    """Return the rows of sums after these records."""
    found = {key: rows[key] for key in day_sums.ids_of(some) if key in rows}
    writes = day_sums.add(some, found)
    assert all(write.exists == (write.id in rows) for write in writes)
    return rows | {write.id: {"_id": write.id, **write.fixed, **write.facets} for write in writes}


def test_record_is_in_the_sums_of_its_day_and_of_its_actor() -> None:
    (record,) = rows_of(fact(0, "a", count=3, outcome="denied"))
    key = f"{DAY}:{len(TENANT)}:{TENANT}"
    facet = {"pos": record["log"]["pos"], "place": DAY * 10**9 + 1, "sums": [["message:send", "denied", 3, 1]]}
    assert added({}, [record]) == {
        key: {"_id": key, "tenant": TENANT, EVERYONE: facet},
        f"{key}:ann": {"_id": f"{key}:ann", "tenant": TENANT, "actor_id": "ann", ACTOR: facet},
    }


@pytest.mark.parametrize("cut", range(0, 41, 5))
def test_sums_are_the_same_in_every_cut(cut: int) -> None:
    some = records(40)
    whole = added({}, some)
    assert added(added({}, some[:cut]), some[cut:]) == whole
    assert sum(records for *_, records in whole[f"{DAY}:{len(TENANT)}:{TENANT}"][EVERYONE]["sums"]) < len(some)


@pytest.mark.parametrize("begin", range(0, 41, 5))
def test_records_added_again_change_nothing(begin: int) -> None:
    some = records(40)
    whole = added({}, some)
    assert day_sums.add(some[begin:], whole) == []


def test_rows_of_which_some_were_saved_go_on_each_from_where_it_is() -> None:
    some = records(40)
    whole, half = added({}, some), added({}, some[:20])
    for key in whole:
        assert added({**half, key: whole[key]}, some[20:]) == whole


def test_place_is_of_the_day_and_differs_by_actor() -> None:
    rows = added({}, records(40)).values()
    places = [row[ACTOR]["place"] for row in rows if ACTOR in row]
    assert len(set(places)) == len(places) == 4
    assert {day_sums.day_of(place) for place in places} == {DAY, DAY + 1}
    assert all(day_sums.place_of(DAY) <= place < day_sums.place_of(DAY + 2) for place in places)


def test_no_two_pairs_of_tenant_and_actor_share_a_row() -> None:
    some = [*rows_of(fact(0, "a", "x", actor="y:z")), *rows_of(fact(1, "b", "x:y", actor="z"))]
    assert len(day_sums.ids_of(some)) == 4


@pytest.mark.parametrize(("size", "first"), [(0, 1), (255, 1), (256, 257), (600, 513)])
def test_records_after_the_last_full_tile_are_in_no_sums(size: int, first: int) -> None:
    assert day_sums.first_unsummed(size) == first
