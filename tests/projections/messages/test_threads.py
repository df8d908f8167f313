"""Tests that replies are counted on the first message of their thread, once each, for any order of batches."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from core.domain.member import Interval, Member
from projections.facts import Fact, LaneCounter
from projections.messages import message_rows, threads
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from tests.given import deleted, edited, sent
from tests.projections.given import fact, fold_in_parts, keep, unreadable

ROOT = sent("root", "root")
OTHER = sent("other", "other")


def reply(key: str) -> Any:
    return sent(key, key, reply_to=ROOT.message_id, thread_root=ROOT.message_id)


ONE, TWO, THREE = reply("1"), reply("2"), reply("3")
STORY = [
    fact(MESSAGE_SENT, 0, ROOT),
    fact(MESSAGE_SENT, 1, ONE),
    fact(MESSAGE_SENT, 2, OTHER),
    fact(MESSAGE_SENT, 3, ONE),
    fact(MESSAGE_SENT, 4, TWO),
    unreadable(MESSAGE_SENT, 5, "torn"),
    fact(MESSAGE_SENT, 6, TWO),
    fact(MESSAGE_SENT, 7, THREE),
    fact(MESSAGE_SENT, 8, ONE),
]
COUNTED = {"pos": STORY[7].position, "n": 3, "last": 6}


class Store:
    """Keeps what `save` would keep; `upto` is the number of steps of a batch before a crash: rows, then heads."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.heads: dict[str, Any] = {}

    def fold(self, *facts: Fact, upto: int = 3) -> Sequence[message_rows.Numbered]:
        folded = message_rows.fold(facts, self.rows, LaneCounter(self.heads))
        keep(self.rows, folded.rows if upto > 1 else folded.rows[:upto])
        keep(self.heads, folded.heads if upto > 2 else ())
        return folded.numbered

    def view(self, reader: Member) -> Any:
        row = self.rows[ROOT.message_id]
        view = message_rows.view(row)
        assert view is not None
        return threads.counted(view, row, reader).thread


def test_every_reply_counts_once_and_nothing_else_does() -> None:
    store = Store()
    store.fold(*STORY)
    assert store.rows[ROOT.message_id]["thread"] == COUNTED
    assert [key for key, row in store.rows.items() if "thread" in row] == [ROOT.message_id]


@pytest.mark.parametrize("seed", range(60))
def test_count_is_the_same_with_repeats_half_saved_batches_and_any_cut(seed: int) -> None:
    store = Store()
    fold_in_parts(store, STORY, random.Random(seed))
    assert store.rows[ROOT.message_id]["thread"] == COUNTED


def test_deleted_and_edited_replies_still_count() -> None:
    store = Store()
    store.fold(*STORY, fact(MESSAGE_DELETED, 0, deleted(TWO), "d"), fact(MESSAGE_EDITED, 0, edited(ONE, "else"), "e"))
    assert store.rows[ROOT.message_id]["thread"] == COUNTED


def test_rows_of_thread_roots_are_needed() -> None:
    assert threads.needed(STORY) == {ROOT.message_id}


@pytest.mark.parametrize(
    ("intervals", "count"),
    [((Interval(1),), 3), ((Interval(1, 6),), 3), ((Interval(1, 5),), None), ((Interval(1, 2), Interval(6)), 3)],
)
def test_former_member_does_not_see_the_count_of_later_replies(
    intervals: tuple[Interval, ...], count: int | None
) -> None:
    store = Store()
    store.fold(*STORY)
    found = store.view(Member("member", intervals))
    assert (None if found is None else (found.count, found.last_seq)) == (None if count is None else (count, 6))
