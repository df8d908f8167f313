"""Tests the fold of messages: numbered by rank, merged from their facets, each counted once."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from projections.facts import Fact, Inconsistent, LaneCounter
from projections.messages import message_rows
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from tests.given import ROOM, deleted, edited, sent
from tests.projections.given import fact, keep, unreadable

HELLO = sent("k1", "hello")
AGAIN = sent("k2", "again")


class Store:
    """Keeps rows and heads between folds; the newest position wins."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.heads: dict[str, dict[str, Any]] = {}

    def fold(self, *facts: Fact, lose_heads: bool = False) -> Sequence[message_rows.Numbered]:
        folded = message_rows.fold(facts, self.rows, LaneCounter(self.heads))
        keep(self.rows, folded.rows)
        keep(self.heads, () if lose_heads else folded.heads)
        return folded.numbered


def test_message_is_numbered_by_rank() -> None:
    store = Store()
    numbered = store.fold(fact(MESSAGE_SENT, 4, HELLO), fact(MESSAGE_SENT, 9, AGAIN))
    assert [one.n for one in numbered] == [1, 2]
    assert store.heads[ROOM]["sent"]["n"] == 2


def said(n: int, conversation_n: int) -> Fact:
    return fact(MESSAGE_SENT, n, structs.replace(sent(f"k{n}", "x"), conversation_n=conversation_n))


@for_all(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_message_needs_a_view_as_new_as_all_before_it(views: list[int], lost: list[bool]) -> None:
    """For any cut into batches, also if the heads of a batch are lost and it is folded again."""
    store, facts = Store(), [said(n, view) for n, view in enumerate(views)]
    for n, one in enumerate(facts):
        store.fold(one, lose_heads=lost[n])
        if lost[n]:
            store.fold(*facts[max(0, n - 2) : n + 1])
    rows = sorted((row["sent"] for row in store.rows.values()), key=lambda row: row["n"])
    assert [row["conversation_n"] for row in rows] == [max(views[: n + 1]) for n in range(len(views))]
    assert store.heads[ROOM]["sent"]["conversation_n"] == max(views)


def test_unreadable_message_needs_the_view_of_those_before_it() -> None:
    store = Store()
    store.fold(said(0, 4), unreadable(MESSAGE_SENT, 1, "torn"), said(2, 1))
    assert store.rows["torn"]["sent"]["conversation_n"] == 4
    assert store.rows[said(2, 1).envelope.id]["sent"]["conversation_n"] == 4


def test_repeat_takes_no_number_and_another_body_is_a_conflict() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO))
    same, other, following = store.fold(
        fact(MESSAGE_SENT, 1, HELLO), fact(MESSAGE_SENT, 2, sent("k1", "HELLO")), fact(MESSAGE_SENT, 3, AGAIN)
    )
    assert (same.repeat, same.conflict) == (True, False)
    assert (other.repeat, other.conflict) == (True, True)
    assert following.n == 2
    assert store.rows[HELLO.message_id]["sent"]["text"] == "hello"


def test_repeated_batch_gives_the_same_numbers_and_changes_nothing() -> None:
    store = Store()
    batch = [
        fact(MESSAGE_SENT, 0, HELLO),
        fact(MESSAGE_EDITED, 0, edited(HELLO, "x"), "e1"),
        fact(MESSAGE_SENT, 1, AGAIN),
    ]
    first = store.fold(*batch)
    before = repr((store.rows, store.heads))
    assert store.fold(*batch) == first
    assert repr((store.rows, store.heads)) == before


def test_rows_saved_without_their_heads_get_the_same_numbers_again() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), fact(MESSAGE_SENT, 1, AGAIN), lose_heads=True)
    assert store.heads == {}
    numbered = store.fold(fact(MESSAGE_SENT, 0, HELLO), fact(MESSAGE_SENT, 1, AGAIN))
    assert [one.n for one in numbered] == [1, 2]


def test_rows_that_contradict_their_heads_are_inconsistent() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO))
    store.rows.clear()
    with pytest.raises(Inconsistent):
        store.fold(fact(MESSAGE_SENT, 0, HELLO))


def test_edit_may_be_read_before_its_message() -> None:
    store = Store()
    store.fold(fact(MESSAGE_EDITED, 0, edited(HELLO, "better"), "e1"))
    assert message_rows.view(store.rows[HELLO.message_id]) is None
    store.fold(fact(MESSAGE_SENT, 0, HELLO))
    view = message_rows.view(store.rows[HELLO.message_id])
    assert view is not None
    assert (view.text, view.edited, view.seq) == ("better", True, 1)


def test_every_version_is_kept_and_a_late_retry_of_an_old_edit_undoes_nothing() -> None:
    store = Store()
    store.fold(
        fact(MESSAGE_SENT, 0, HELLO),
        fact(MESSAGE_EDITED, 0, edited(HELLO, "one"), "e1"),
        fact(MESSAGE_EDITED, 1, edited(HELLO, "two"), "e2"),
        fact(MESSAGE_EDITED, 2, edited(HELLO, "one"), "e1"),
    )
    row = store.rows[HELLO.message_id]
    assert [version["text"] for version in row["edited"]["versions"]] == ["one", "two"]
    view = message_rows.view(row)
    assert view is not None
    assert view.text == "two"
    assert store.heads[ROOM]["edited"]["n"] == 2


def test_edit_of_another_user_is_kept_and_not_shown() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), fact(MESSAGE_EDITED, 0, edited(HELLO, "mine", "eve"), "e1", actor="eve"))
    view = message_rows.view(store.rows[HELLO.message_id])
    assert view is not None
    assert (view.text, view.edited) == ("hello", False)


def test_deleted_message_shows_no_text_and_remains_edited() -> None:
    store = Store()
    store.fold(
        fact(MESSAGE_SENT, 0, HELLO),
        fact(MESSAGE_EDITED, 0, edited(HELLO, "x"), "e1"),
        fact(MESSAGE_DELETED, 0, deleted(HELLO), "d1"),
    )
    view = message_rows.view(store.rows[HELLO.message_id])
    assert view is not None
    assert (view.text, view.edited, view.deleted) == (None, True, True)


def test_unreadable_message_has_a_number_and_is_shown_as_unreadable() -> None:
    store = Store()
    store.fold(unreadable(MESSAGE_SENT, 0, "u1"), fact(MESSAGE_SENT, 1, HELLO))
    lost, hello = message_rows.view(store.rows["u1"]), message_rows.view(store.rows[HELLO.message_id])
    assert lost is not None
    assert hello is not None
    assert (lost.seq, lost.unreadable, lost.text) == (1, True, None)
    assert hello.seq == 2


EDIT = [fact(MESSAGE_EDITED, n, edited(HELLO, f"v{n}"), f"e{n}") for n in range(3)]
SENT = [fact(MESSAGE_SENT, 0, HELLO), fact(MESSAGE_SENT, 1, AGAIN), fact(MESSAGE_SENT, 2, HELLO)]
GONE = [
    fact(MESSAGE_DELETED, 0, deleted(HELLO), "d0"),
    fact(MESSAGE_DELETED, 1, deleted(HELLO, "ann"), "d1", actor="ann"),
]


def interleaved(data: st.DataObject, *topics: Sequence[Fact]) -> tuple[Store, Store]:
    """Fold these topics in any interleaving and any batches, some of them twice or without their heads; and, in a
    second store, one topic after the other.
    """
    queues = [list(topic) for topic in topics]
    store, batch = Store(), list[Fact]()
    while any(queues):
        batch.append(data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
        if data.draw(st.booleans()):
            store.fold(*batch, lose_heads=data.draw(st.booleans()))
            kept = data.draw(st.booleans())
            store.fold(*batch)
            batch = batch if kept else []
    store.fold(*batch)
    whole = Store()
    whole.fold(*(fact for topic in topics for fact in topic))
    return store, whole


@for_all(st.data())
def test_topics_in_any_interleaving_and_any_cut_give_the_same_rows(data: st.DataObject) -> None:
    store, whole = interleaved(data, SENT, EDIT, GONE)
    assert store.rows == whole.rows
    assert store.heads == whole.heads
