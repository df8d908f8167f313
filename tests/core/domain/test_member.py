"""Returning members, and the earlier messages that new members read."""

from core.domain.conversation import evolve
from core.domain.member import Interval
from tests.core.domain.test_conversation import added, applies, changed, created, fold, removed, roles

DIRECT = created(kind="direct", participants={"ann": "member", "bob": "member"})


def test_reopening_a_direct_conversation_brings_everyone_back_in_a_new_interval() -> None:
    one = fold(DIRECT, removed("bob", actor="bob", at_seq=2), added("bob", at_seq=5, reopened=True))
    assert one.members["bob"].intervals == (Interval(1, 2, ended_n=2, left=True), Interval(6))
    both = fold(DIRECT, removed("ann", at_seq=3), removed("bob", actor="bob", at_seq=3))
    again = evolve(both, added("ann", "bob", actor="bob", at_seq=3, reopened=True))
    assert again is not None
    assert roles(again) == {"ann": "member", "bob": "member"}
    assert not applies(again, added("ann", "bob", at_seq=3, reopened=True))


def test_stranger_cannot_join_a_direct_conversation_by_opening_it() -> None:
    state = fold(DIRECT, removed("bob", actor="bob"))
    assert not applies(state, added("eve", reopened=True))
    assert not applies(state, added("bob", "eve", actor="eve", reopened=True))


def test_user_who_left_an_empty_group_reopens_and_owns_it() -> None:
    bob = created(participants={"ann": "owner", "bob": "member", "cid": "member"})
    empty = fold(bob, removed("cid", at_seq=1), removed("bob", actor="bob", at_seq=1), removed("ann", at_seq=4))
    for stranger in ("cid", "eve"):
        assert not applies(empty, added(stranger, actor=stranger, reopened=True))
    again = evolve(empty, added("bob", "ann", actor="bob", at_seq=4, reopened=True))
    assert again is not None
    assert roles(again) == {"bob": "owner"}
    assert [again.members["bob"].reads(seq) for seq in (1, 4, 5)] == [True, False, True]
    assert not applies(again, added("ann", reopened=True))


def test_added_user_reads_earlier_messages_if_the_group_shows_them() -> None:
    shown = fold(created(history="all"), added("cid", at_seq=7))
    assert shown.members["cid"].intervals == (Interval(8, reads_from=1),)
    assert [shown.members["cid"].reads(seq) for seq in (1, 7, 8)] == [True, True, True]
    shut = fold(created(history="all"), changed(history="joined"), added("cid", at_seq=7))
    assert shut.members["cid"].intervals == (Interval(8),)


def test_present_member_reads_no_more_when_history_is_shown() -> None:
    state = fold(created(), added("cid", at_seq=4), changed(history="all"), added("dee", at_seq=6))
    assert state.members["cid"].intervals == (Interval(5),)
    assert state.members["dee"].intervals == (Interval(7, reads_from=1),)
    again = fold(
        created(), added("cid", at_seq=4), changed(history="all"), removed("cid", at_seq=6), added("cid", at_seq=6)
    )
    assert again.members["cid"].intervals == (Interval(5, 6, ended_n=4), Interval(7, reads_from=1))


def test_owner_shows_only_what_they_read() -> None:
    state = fold(created(), added("abe", at_seq=4, role="owner"), changed("abe", history="all"), added("cid", at_seq=9))
    assert (state.history, state.history_from) == ("all", 5)
    assert state.members["cid"].intervals == (Interval(10, reads_from=5),)
    assert not applies(state, changed(history="all"))


def test_admin_changes_the_title_and_not_the_history() -> None:
    state = fold(created(participants={"ann": "owner", "bob": "admin"}), changed("bob", title="Ours", history="all"))
    assert (state.title, state.history) == ("Ours", "joined")


def test_messages_before_a_reopening_stay_hidden() -> None:
    left = removed("bob", actor="bob", at_seq=1), removed("ann", at_seq=4)
    state = fold(created(history="all"), *left, added("bob", actor="bob", at_seq=4, reopened=True))
    assert (state.history_from, state.members["bob"].reads(3)) == (5, False)
    again = evolve(state, added("cid", actor="bob", at_seq=6))
    assert again is not None
    assert again.members["cid"].intervals == (Interval(7, reads_from=5),)
