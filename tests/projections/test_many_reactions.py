"""Tests messages with more reactions than are kept permanently: they still accept reactions."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain import reaction as domain
from core.domain.reaction import MAX_EMOJI, REACTIONS_KEPT
from projections.messages import reactions
from projections.messages.reactions import LATE_KEPT
from schemas.topics import MESSAGE_SENT
from tests.projections.given import fact
from tests.projections.messages.test_message_rows import Store, interleaved
from tests.projections.messages.test_reactions import AGAIN, HELLO, ROOM, SENT, numbers, reacted, shown


def full() -> Store:
    store = Store()
    store.fold(
        fact(MESSAGE_SENT, 0, HELLO),
        *(reacted(n, "ann", on=n % 2 == 0) for n in range(REACTIONS_KEPT - 1)),
    )
    store.fold(reacted(REACTIONS_KEPT - 1, "bob"))
    return store


def late(store: Store) -> list[str]:
    """Return the ids of the reactions in `late`."""
    return [one[0] for one in store.rows[HELLO.message_id]["reaction"]["late"]]


def test_full_message_still_accepts_reactions() -> None:
    store = full()
    numbered = store.fold(reacted(REACTIONS_KEPT, "cem"), reacted(REACTIONS_KEPT + 1, "bob", on=False))
    assert numbers(numbered) == [REACTIONS_KEPT + 1, REACTIONS_KEPT + 2]
    facet = store.rows[HELLO.message_id]["reaction"]
    assert (facet["n"], len(facet["told"]), len(facet["late"])) == (REACTIONS_KEPT + 2, REACTIONS_KEPT, 2)
    assert shown(store) == [("👍", ["ann", "cem"])]
    assert store.fold(reacted(REACTIONS_KEPT + 2, "ann", event_id="r0"))[0].repeat


def test_repeat_of_a_late_reaction_takes_a_number_and_undoes_nothing_newer() -> None:
    store = full()
    store.fold(
        reacted(REACTIONS_KEPT, "cem", event_id="add"),
        reacted(REACTIONS_KEPT + 1, "cem", on=False),
        reacted(REACTIONS_KEPT + 2, "cem", event_id="add"),
    )
    assert shown(store) == [("👍", ["ann", "bob"])]
    assert store.heads[ROOM]["reaction"]["n"] == REACTIONS_KEPT + 3
    facet = store.rows[HELLO.message_id]["reaction"]
    assert reactions.was_applied(facet, "add")
    assert len(facet["late"]) == 2


def test_late_reactions_of_the_most_active_user_are_dropped_first() -> None:
    store, start = full(), REACTIONS_KEPT + 1
    store.fold(reacted(REACTIONS_KEPT, "cem", event_id="add"))
    store.fold(*(reacted(start + n, "ann", "🎉", on=n % 2 == 0) for n in range(LATE_KEPT + 50)))
    assert len(late(store)) == LATE_KEPT
    assert late(store)[0] == "add"
    assert late(store)[-1] == f"r{start + LATE_KEPT + 49}"


def test_reactions_ignored_by_an_old_log_remain_ignored() -> None:
    store = full()
    store.fold(
        reacted(REACTIONS_KEPT, "cem", per_member=False),
        reacted(REACTIONS_KEPT + 1, "ann", on=False, per_member=False),
    )
    assert shown(store) == [("👍", ["ann", "bob"])]
    assert not reactions.was_applied(store.rows[HELLO.message_id]["reaction"], f"r{REACTIONS_KEPT}")
    other = Store()
    several = [reacted(n, "ann", f"e{n}", per_member=False) for n in range(MAX_EMOJI + 1)]
    other.fold(fact(MESSAGE_SENT, 0, HELLO), *several)
    assert len(shown(other)) == MAX_EMOJI


def test_row_of_an_earlier_version_is_folded_further() -> None:
    store = full()
    assert "late" not in store.rows[HELLO.message_id]["reaction"]
    store.fold(reacted(REACTIONS_KEPT, "bob", on=False))
    assert shown(store) == [("👍", ["ann"])]


@pytest.mark.parametrize("lose_heads", [False, True])
def test_repeated_batch_beyond_the_limit_takes_no_numbers(lose_heads: bool) -> None:
    store = full()
    batch = [reacted(REACTIONS_KEPT, "cem"), reacted(REACTIONS_KEPT + 1, "dan")]
    store.fold(*batch, lose_heads=lose_heads)
    store.fold(*batch)
    assert store.heads[ROOM]["reaction"]["n"] == REACTIONS_KEPT + 2
    assert store.rows[HELLO.message_id]["reaction"]["n"] == REACTIONS_KEPT + 2
    assert numbers(store.fold(reacted(REACTIONS_KEPT + 2, "eve", to=AGAIN))) == [REACTIONS_KEPT + 3]


MANY = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cem"]), st.sampled_from(["👍", "❤", "❤️"]), st.booleans(), st.integers(0, 20)
    ),
    min_size=10,
    max_size=40,
)


@for_all(MANY, st.data())
def test_full_message_has_the_same_row_and_numbers_for_any_cut(
    many: list[tuple[str, str, bool, int]], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for where in (domain, reactions):
            patch.setattr(where, "REACTIONS_KEPT", 5)
        patch.setattr(reactions, "LATE_KEPT", 4)
        done = [
            reacted(offset, user, emoji, f"{user} {emoji} {on} {key}", on=on)
            for offset, (user, emoji, on, key) in enumerate(many)
        ]
        store, whole = interleaved(data, SENT, done)
        assert store.rows == whole.rows
        assert store.heads == whole.heads
