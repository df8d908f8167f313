"""Tests the fold of inboxes: in the order of the log, with repeats, half-saved batches and any cut."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.inbox import Inbox
from core.positions import position
from projections.facts import Fact, Inconsistent, LaneCounter
from projections.inbox import actions, inbox_rows
from projections.inbox.inbox_rows import NumberedEvent
from schemas import ids
from schemas.envelope import Envelope
from schemas.events import TYPE_OF
from schemas.events.inbox import CursorMoved, InboxEvent, MessageHidden
from schemas.topics import USER_ACTION
from tests.core.domain.test_inbox import EVENTS, HELLO, LATER, archived, hidden, moved, muted
from tests.given import AT, CORRELATION, ROOM, TENANT
from tests.projections.given import fold_in_parts, keep

BOB = inbox_rows.key_of(TENANT, "bob")
OTHER = "6f1d1f8a-0000-5000-8000-000000000002"


def at(offset: int, event: InboxEvent, event_id: str = "", user: str = "bob") -> Fact:
    """Return the event as a fact at this offset, as this user's."""
    event = replace_user(event, user)
    envelope = Envelope(
        id=event_id or f"e{offset}",
        type=TYPE_OF[type(event)],
        source="/caas/edge/test",
        time=AT,
        subject=user,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor=user,
    )
    return Fact(USER_ACTION, position(1, offset), envelope, event)


def replace_user(event: InboxEvent, user: str) -> InboxEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "user_id": user})


def elsewhere(event: InboxEvent) -> InboxEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "conversation_id": OTHER})


def unreadable(fact: Fact) -> Fact:
    return replace(fact, event=None)


class Store:
    """Keeps what `save` would keep; `upto` is the number of steps before a crash: acts, then rows, then heads."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"acts": {}, "rows": {}, "heads": {}}

    def fold(self, *facts: Fact, upto: int = 3) -> Sequence[NumberedEvent]:
        folded = inbox_rows.fold(facts, self.tables["rows"], self.tables["acts"], LaneCounter(self.tables["heads"]))
        steps = [("acts", folded.acts), ("rows", folded.rows), ("heads", folded.heads)]
        for name, writes in steps[:upto]:
            keep(self.tables[name], writes)
        return folded.numbered

    def state(self, conversation_id: str = ROOM, user: str = "bob") -> Inbox:
        row = self.tables["rows"].get(inbox_rows.row_id(TENANT, user, conversation_id))
        return inbox_rows.state_of(None if row is None else row["inbox"])

    def head(self, key: str = BOB) -> int:
        n: int = self.tables["heads"][key]["user"]["n"]
        return n


STORY = [
    at(0, moved(3), "read 3"),
    at(1, muted(LATER), "mute"),
    at(2, moved(2), "read 2"),
    at(3, moved(1), "ann reads 1", "ann"),
    at(4, hidden(), "hide"),
    unreadable(at(5, archived(), "torn")),
    at(6, muted(LATER), "mute"),
    at(7, muted(on=False), "unmute"),
    at(8, elsewhere(archived()), "archive"),
    unreadable(at(9, moved(9), "read 9")),
    at(10, hidden(), "hide"),
    at(11, moved(4), "read 4"),
    at(12, moved(4), "read 4"),
]
NUMBERS = [1, 2, 3, 1, 4, 5, 2, 6, 7, 8, 4, 9, 10]


def test_events_of_a_user_are_numbered_by_rank_and_a_repeat_is_not() -> None:
    store = Store()
    numbered = store.fold(*STORY)
    assert [one.n for one in numbered] == NUMBERS
    assert [one.fact.envelope.id for one in numbered if one.repeat] == ["mute", "hide"]
    assert (store.head(), store.head(inbox_rows.key_of(TENANT, "ann"))) == (10, 1)
    assert store.state() == Inbox(read=4, read_at=AT, hidden=1)
    assert store.state(OTHER) == Inbox(archived=True)
    assert store.state(user="ann") == Inbox(read=1, read_at=AT)


def test_row_has_the_number_of_its_newest_event() -> None:
    store = Store()
    store.fold(*STORY)
    rows = store.tables["rows"]
    assert {key: (row["owner"], row["inbox"]["n"]) for key, row in rows.items()} == {
        f"{BOB}:{ROOM}": (BOB, 10),
        f"{BOB}:{OTHER}": (BOB, 7),
        f"{TENANT}:ann:{ROOM}": (f"{TENANT}:ann", 1),
    }


def test_thread_has_its_own_row_and_changes_no_other() -> None:
    store = Store()
    numbered = store.fold(at(0, moved(5)), at(1, moved(3, thread="t")), at(2, moved(7, thread="t")), at(3, moved(4)))
    assert [one.n for one in numbered] == [1, 2, 3, 4]
    assert store.state() == Inbox(read=5, read_at=AT)
    (row,) = [row for key, row in store.tables["rows"].items() if key == f"{BOB}:{ROOM}:t"]
    view = inbox_rows.view(row)
    assert (row["owner"], row["inbox"]["n"], view.conversation_id, view.thread, view.read) == (BOB, 3, ROOM, "t", 7)


def test_every_event_but_a_cursor_has_an_act_also_an_unreadable_one() -> None:
    store = Store()
    store.fold(*STORY)
    found = {
        key: (row["act"]["n"], row["act"]["act"], row["act"]["applied"]) for key, row in store.tables["acts"].items()
    }
    assert found == {
        "mute": (2, "muted", True),
        "hide": (4, "hidden", True),
        "torn": (5, "unreadable", False),
        "unmute": (6, "muted", True),
        "archive": (7, "archived", True),
        "read 9": (8, "unreadable", False),
    }
    assert actions.hides(store.tables["acts"]["hide"]) == HELLO.message_id
    assert actions.hides(store.tables["acts"]["mute"]) is None
    assert store.tables["acts"]["torn"]["conversation_id"] == ""


def test_hidden_message_is_one_row_per_user() -> None:
    hides = inbox_rows.hidden_id(TENANT, "bob", HELLO.message_id)
    assert hides == ids.derive(TENANT, HELLO.message_id, "bob", "message:hide", "")
    assert hides != inbox_rows.hidden_id(TENANT, "ann", HELLO.message_id)


def test_crash_after_any_step_and_any_cut_gives_the_same_tables_and_numbers() -> None:
    whole = Store()
    whole.fold(*STORY)
    for cut in range(1, len(STORY) + 1):
        for upto in range(4):
            store = Store()
            store.fold(*STORY[:cut], upto=upto)
            numbered = store.fold(*STORY)
            assert store.tables == whole.tables, (cut, upto)
            again = [one.n for one in numbered]
            acted = [n for n, fact in enumerate(STORY) if not isinstance(fact.event, CursorMoved)]
            assert [again[n] for n in acted] == [NUMBERS[n] for n in acted]
            if upto < 3:
                assert again == NUMBERS, (cut, upto)


def test_cursor_folded_again_has_the_newest_number_of_its_row() -> None:
    store = Store()
    store.fold(*STORY[:5])
    (again,) = store.fold(STORY[0])
    assert (again.n, again.repeat) == (4, False)


def facts_of(changes: list[tuple[int, InboxEvent, str, str, bool]]) -> list[Fact]:
    """Return any log of a few users: with few ids it has repeats; some events are unreadable."""
    found = []
    for offset, (room, event, key, user, torn) in enumerate(changes):
        event_id = f"{user} {type(event).__name__} {key}"
        if isinstance(event, CursorMoved):
            event_id = f"{user} {event.conversation_id} {event.thread} {event.seq}"
        fact = at(offset, elsewhere(event) if room else event, event_id, user)
        found.append(unreadable(fact) if torn else fact)
    return found


LOGS = st.lists(
    st.tuples(
        st.integers(0, 1),
        EVENTS,
        st.sampled_from("abc"),
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from([False] * 5 + [True]),
    ),
    max_size=25,
).map(facts_of)


@for_all(LOGS, st.randoms(use_true_random=False))
def test_batches_cut_anywhere_with_crashes_give_the_same_rows(facts: list[Fact], chance: random.Random) -> None:
    whole, store = Store(), Store()
    whole.fold(*facts)
    fold_in_parts(store, facts, chance)
    assert store.tables == whole.tables


@for_all(LOGS)
def test_numbers_are_contiguous_in_every_users_lane(facts: list[Fact]) -> None:
    store = Store()
    numbered = store.fold(*facts)
    for user in ("ann", "bob", "cy"):
        numbers = [one.n for one in numbered if one.fact.envelope.subject == user and not one.repeat]
        assert numbers == list(range(1, len(numbers) + 1))
        kept = [row["act"]["n"] for row in store.tables["acts"].values() if row["user_id"] == user]
        assert len(kept) == len(set(kept))


@for_all(LOGS, st.randoms(use_true_random=False))
def test_users_are_independent_in_any_order_of_their_events(facts: list[Fact], chance: random.Random) -> None:
    """Each user's order is kept; between users the log has no order, as between partitions."""
    queues = {user: [fact for fact in facts if fact.envelope.subject == user] for user in ("ann", "bob", "cy")}
    whole, store = Store(), Store()
    whole.fold(*facts)
    while waiting := [queue for queue in queues.values() if queue]:
        store.fold(chance.choice(waiting).pop(0))
    assert store.tables == whole.tables


@pytest.mark.parametrize(
    ("first", "other"),
    [(muted(), muted(LATER)), (hidden(), hidden("another"))],
    ids=["mute", "hide"],
)
def test_repeat_with_another_body_is_a_conflict_and_changes_nothing(first: InboxEvent, other: InboxEvent) -> None:
    store = Store()
    store.fold(at(0, first, "k"))
    before = repr(store.tables)
    same, differing = store.fold(at(1, first, "k"), at(2, other, "k"))
    assert (same.repeat, same.conflict) == (True, False)
    assert (differing.repeat, differing.conflict) == (True, True)
    assert repr(store.tables) == before


def test_late_repeat_undoes_nothing_newer() -> None:
    store = Store()
    store.fold(at(0, muted(), "mute"), at(1, muted(on=False), "unmute"), at(2, muted(), "mute"))
    assert store.state() == Inbox()
    assert store.head() == 2


def test_head_without_its_rows_is_inconsistent() -> None:
    for fact in (at(0, moved(1)), at(0, muted())):
        store = Store()
        store.fold(fact)
        store.tables["rows"].clear()
        store.tables["acts"].clear()
        with pytest.raises(Inconsistent):
            store.fold(fact)


def test_row_without_its_act_is_inconsistent() -> None:
    store = Store()
    store.fold(at(0, muted()), upto=2)
    store.tables["acts"].clear()
    with pytest.raises(Inconsistent):
        store.fold(at(0, muted()))


def test_view_of_a_row_is_its_users() -> None:
    store = Store()
    store.fold(at(0, moved(3)), at(1, muted(LATER)), at(2, archived()))
    seen = inbox_rows.view(store.tables["rows"][f"{BOB}:{ROOM}"], "m1")
    assert (seen.conversation_id, seen.read, seen.hidden) == (ROOM, 3, "m1")
    assert (seen.muted, seen.muted_until, seen.archived) == (True, LATER, True)
    plain = inbox_rows.view_of(ROOM, Inbox())
    assert (plain.read, plain.muted, plain.archived, plain.hidden) == (0, False, False, None)


def test_row_of_an_older_version_has_no_numbered_hidden_messages() -> None:
    facet = {"pos": 1, "n": 1, "read": 3, "read_at": AT, "muted": False, "muted_until": None, "archived": False}
    assert inbox_rows.state_of(facet | {"hidden": 2}) == Inbox(read=3, read_at=AT, hidden=2, numbered=0)


def test_hidden_message_is_indexed_by_its_number_if_the_event_has_it() -> None:
    store = Store()
    store.fold(at(0, hidden("m1", seq=7), "one"), at(1, hidden("m2"), "two"))
    assert {key: row["act"].get("seq") for key, row in store.tables["acts"].items()} == {"one": 7, "two": None}
    numbered = store.fold(at(2, hidden("m2", seq=8), "two"))
    assert (numbered[0].repeat, numbered[0].conflict) == (True, False)
    assert (store.state().hidden, store.state().numbered) == (2, 1)


def test_only_inbox_families_of_user_action_are_folded_in_any_version() -> None:
    assert inbox_rows.takes("caas.user.cursor-moved.v1")
    assert inbox_rows.takes("caas.user.message-hidden.v9")
    assert inbox_rows.takes(TYPE_OF[MessageHidden])
    assert not inbox_rows.takes("caas.user.reacted.v1")
    assert not inbox_rows.takes("caas.user.action.v1")
