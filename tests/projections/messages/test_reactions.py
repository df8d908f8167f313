"""Tests the fold of reactions: numbered by rank, kept to detect repeats, shown in the order of arrival."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.reaction import MAX_PER_MEMBER
from projections.facts import Fact, Inconsistent, LaneCounter
from projections.messages import message_rows, reactions
from projections.messages.message_rows import Numbered
from schemas.events import MessageSent, Reacted
from schemas.topics import MESSAGE_DELETED, MESSAGE_SENT, USER_ACTION
from schemas.wire.views import MessageView, ReactionsView
from tests.given import AT, ROOM, TENANT, deleted, sent
from tests.projections.given import fact, unreadable
from tests.projections.messages.test_message_rows import Store, interleaved

HELLO = sent("k1", "hello")
AGAIN = sent("k2", "again")


def reacted(
    offset: int,
    user: str,
    emoji: str = "👍",
    event_id: str = "",
    *,
    on: bool = True,
    to: MessageSent = HELLO,
    per_member: bool = True,
) -> Fact:
    event = Reacted(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=to.message_id,
        user_id=user,
        emoji=emoji,
        on=on,
        per_member=per_member,
    )
    return fact(USER_ACTION, offset, event, event_id or f"r{offset}", actor=user)


def seen(store: Store, of: MessageSent = HELLO) -> MessageView:
    found = message_rows.view({**store.rows[of.message_id], "_id": of.message_id})
    assert found is not None
    return found


def shown(store: Store, of: MessageSent = HELLO) -> list[tuple[str, list[str]]]:
    return [(one.emoji, one.users) for one in seen(store, of).reactions]


def numbers(numbered: Any) -> list[int]:
    return [one.n for one in numbered]


def test_reaction_is_numbered_by_rank_in_its_conversation() -> None:
    store = Store()
    numbered = store.fold(reacted(3, "ann"), reacted(5, "ann", to=AGAIN), reacted(9, "bob"))
    assert numbers(numbered) == [1, 2, 3]
    assert store.heads[ROOM]["reaction"] == {"pos": numbered[2].fact.position, "n": 3}
    assert store.rows[HELLO.message_id]["reaction"]["n"] == 3


def test_message_shows_reactions_in_the_order_of_arrival() -> None:
    store = Store()
    store.fold(
        fact(MESSAGE_SENT, 0, HELLO),
        reacted(0, "bob", "🎉"),
        reacted(1, "ann"),
        reacted(2, "ann", "🎉"),
        reacted(3, "cem", "💀"),
        reacted(4, "cem", "💀", on=False),
    )
    assert shown(store) == [("🎉", ["bob", "ann"]), ("👍", ["ann"])]


def test_edited_message_shows_reactions_and_a_deleted_one_does_not() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), reacted(0, "ann"))
    assert shown(store) == [("👍", ["ann"])]
    store.fold(fact(MESSAGE_DELETED, 0, deleted(HELLO), "d1"))
    assert shown(store) == []
    assert store.rows[HELLO.message_id]["reaction"]["on"] == [["👍", ["ann"]]]


def test_reaction_may_be_read_before_its_message() -> None:
    store = Store()
    store.fold(reacted(0, "ann"))
    assert message_rows.view(store.rows[HELLO.message_id]) is None
    store.fold(fact(MESSAGE_SENT, 0, HELLO))
    assert shown(store) == [("👍", ["ann"])]


def test_late_retry_of_an_old_reaction_undoes_nothing_newer_and_takes_no_number() -> None:
    store = Store()
    store.fold(
        fact(MESSAGE_SENT, 0, HELLO),
        reacted(0, "ann", event_id="add"),
        reacted(1, "ann", event_id="remove", on=False),
    )
    late, following = store.fold(reacted(2, "ann", event_id="add"), reacted(3, "bob"))
    assert (late.n, late.repeat, late.conflict) == (1, True, False)
    assert following.n == 3
    assert shown(store) == [("👍", ["bob"])]


def test_another_emoji_with_the_same_id_is_a_conflict_and_changes_nothing() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), reacted(0, "ann", "👍", "add"))
    (other,) = store.fold(reacted(1, "ann", "🎉", "add"))
    assert (other.repeat, other.conflict) == (True, True)
    assert shown(store) == [("👍", ["ann"])]


def test_repeated_batch_gives_the_same_numbers_and_changes_nothing() -> None:
    store = Store()
    batch = [reacted(0, "ann"), reacted(1, "bob"), reacted(2, "ann", on=False)]
    first = store.fold(*batch)
    before = repr((store.rows, store.heads))
    assert store.fold(*batch) == first
    assert repr((store.rows, store.heads)) == before


def test_rows_saved_without_their_heads_get_the_same_numbers_again() -> None:
    store = Store()
    batch = [reacted(0, "ann"), reacted(1, "bob"), reacted(2, "ann", to=AGAIN)]
    store.fold(*batch, lose_heads=True)
    assert numbers(store.fold(*batch)) == [1, 2, 3]


def test_rows_that_contradict_their_heads_are_inconsistent() -> None:
    store = Store()
    store.fold(reacted(0, "ann"))
    store.rows.clear()
    with pytest.raises(Inconsistent):
        store.fold(reacted(0, "ann"))


def test_reaction_without_effect_is_numbered_and_not_applied() -> None:
    store = Store()
    store.fold(reacted(0, "ann"), reacted(1, "ann"), reacted(2, "bob", on=False))
    facet = store.rows[HELLO.message_id]["reaction"]
    kept = [reactions.find_event(facet, f"r{n}") for n in range(3)]
    assert [(one["n"], one["applied"]) for one in kept if one is not None] == [(1, True), (2, False), (3, False)]


def test_emoji_beyond_the_limit_is_numbered_and_not_shown() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), *(reacted(n, "ann", f":e{n}:") for n in range(MAX_PER_MEMBER + 1)))
    assert len(shown(store)) == MAX_PER_MEMBER
    assert store.heads[ROOM]["reaction"]["n"] == MAX_PER_MEMBER + 1


def test_emoji_that_looks_alike_with_the_same_id_is_a_repeat_without_conflict() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), reacted(0, "ann", "❤", "add"))
    (again,) = store.fold(reacted(1, "ann", "❤️", "add"))
    assert (again.repeat, again.conflict) == (True, False)


def test_unreadable_reaction_has_a_number_and_no_effect() -> None:
    store = Store()
    numbered = store.fold(unreadable(USER_ACTION, 0, "u1"), reacted(1, "ann"))
    assert numbers(numbered) == [1, 2]
    assert message_rows.view(store.rows["u1"]) is None
    assert store.rows["u1"]["reaction"]["on"] == []


def test_only_reactions_of_user_action_are_folded_in_any_version() -> None:
    assert reactions.takes("caas.user.reacted.v1")
    assert reactions.takes("caas.user.reacted.v9")
    assert not reactions.takes("caas.user.action.v1")
    assert reactions.takes("caas.message.sent.v1")


def test_facet_begins_with_its_position() -> None:
    store = Store()
    store.fold(reacted(0, "cem"))
    assert next(iter(store.rows[HELLO.message_id]["reaction"])) == "pos"


def test_push_of_the_lane_has_the_reactions_and_others_have_the_message() -> None:
    store = Store()
    store.fold(fact(MESSAGE_SENT, 0, HELLO), reacted(0, "ann"))
    view = seen(store)
    assert reactions.push_view("sent", view) is view
    assert reactions.push_view("reaction", view) == ReactionsView(
        conversation_id=ROOM, message_id=HELLO.message_id, seq=1, reactions=view.reactions
    )


SENT = [fact(MESSAGE_SENT, 0, HELLO), fact(MESSAGE_SENT, 1, AGAIN)]
DONE = [
    reacted(0, "ann"),
    reacted(1, "bob", to=AGAIN),
    unreadable(USER_ACTION, 2, "u2"),
    reacted(3, "ann", event_id="r0"),
    reacted(4, "ann", on=False),
    reacted(5, "bob"),
]


@for_all(st.data())
def test_topics_in_any_interleaving_and_any_cut_give_the_same_rows(data: st.DataObject) -> None:
    store, whole = interleaved(data, SENT, DONE)
    assert store.rows == whole.rows
    assert store.heads == whole.heads


def test_head_covers_numbered_records() -> None:
    heads = LaneCounter({ROOM: {"_id": ROOM, "reaction": {"pos": 7, "n": 2}}})
    assert heads.covers(ROOM, "reaction", 7)
    assert not heads.covers(ROOM, "reaction", 8)
    assert not heads.covers(ROOM, "sent", 0)


def test_numbered_reaction_has_the_row_of_its_message() -> None:
    (one,) = Store().fold(reacted(0, "ann"))
    assert isinstance(one, Numbered)
    assert (one.row_id, one.lane) == (HELLO.message_id, "reaction")
