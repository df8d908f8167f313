"""Tests the fold of conversations: in the order of the log, with repeats and half-saved batches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import json, structs

from core.domain.conversation import Conversation
from core.positions import position
from projections.conversations import conversation_rows
from projections.conversations.changes import change_view, view_of
from projections.conversations.conversation_rows import NumberedChange
from projections.facts import Fact, LaneCounter
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, ConversationEvent
from schemas.topics import CONVERSATION_UPDATED
from schemas.wire.views import ChangeView, CursorView, ParticipantView
from tests.core.domain.test_conversation import (
    EVENTS,
    added,
    changed,
    created,
    pinned,
    removed,
    roles_changed,
    unpinned,
)
from tests.given import AT, CORRELATION, ROOM, TENANT
from tests.projections.given import keep


def at(offset: int, event: ConversationEvent, event_id: str) -> Fact:
    envelope = Envelope(
        id=event_id,
        type=TYPE_OF[type(event)],
        source="/caas/edge/test",
        time=AT,
        subject=ROOM,
        tenant=TENANT,
        correlation_id=CORRELATION,
        actor=event.actor,
    )
    return Fact(CONVERSATION_UPDATED, position(1, offset), envelope, event)


class Store:
    """Keeps what `save` would keep; `upto` is the number of steps of a batch before a crash."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"changes": {}, "rows": {}, "participants": {}, "heads": {}}

    def fold(self, *facts: Fact, upto: int = 4) -> Sequence[NumberedChange]:
        folded = conversation_rows.fold(
            facts, self.tables["rows"], self.tables["changes"], LaneCounter(self.tables["heads"])
        )
        steps = [
            ("changes", folded.changes),
            ("rows", folded.rows),
            ("participants", folded.participants),
            ("heads", folded.heads),
        ]
        for name, writes in steps[:upto]:
            keep(self.tables[name], writes)
        return folded.numbered


STORY = [
    at(0, created(participants={"ann": "owner", "bob": "admin"}), "c1"),
    at(1, added("cid", actor="bob", at_seq=2), "c2"),
    at(2, removed("bob", at_seq=3), "c3"),
    at(3, added("cid", actor="bob", at_seq=2), "c2"),
    at(4, added("dan", actor="bob", at_seq=5), "c4"),
    at(5, removed("cid", actor="cid", at_seq=6), "c5"),
]


def test_order_of_the_log_decides_who_is_a_member() -> None:
    store = Store()
    numbered = store.fold(*STORY)
    assert [(one.n, one.repeat, one.applied) for one in numbered] == [
        (1, False, True),
        (2, False, True),
        (3, False, True),
        (2, True, True),
        (4, False, False),
        (5, False, True),
    ]
    state = conversation_rows.state_of(store.tables["rows"][ROOM])
    assert {user: member.present for user, member in state.members.items()} == {"ann": True, "bob": False, "cid": False}
    assert store.tables["participants"][f"{ROOM}:cid"]["updated"]["intervals"] == [[3, 6, 5, 0, True]]


def test_crash_after_any_step_and_any_cut_gives_the_same_tables() -> None:
    whole = Store()
    whole.fold(*STORY)
    for cut in range(1, len(STORY) + 1):
        for upto in range(5):
            store = Store()
            store.fold(*STORY[:cut], upto=upto)
            store.fold(*STORY)
            assert store.tables == whole.tables, (cut, upto)


@for_all(st.lists(EVENTS, max_size=30))
def test_state_is_the_same_after_storing(events: list[ConversationEvent]) -> None:
    store, state = Store(), None
    for number, event in enumerate(events):
        state = conversation_rows.counted(state, event, number + 1)
        store.fold(at(number, event, f"e{number}"))
    row = store.tables["rows"].get(ROOM)
    assert (row is None) == (state is None)
    if row is not None and state is not None:
        assert conversation_rows.state_of(json.decode(json.encode(row))) == state


def test_metadata_is_stored_as_text_without_keys_of_users() -> None:
    store = Store()
    store.fold(
        at(0, created(), "c1"),
        at(1, changed(metadata={"a.b": {"$c": 1}}), "c2"),
        at(2, roles_changed(bob="admin"), "c3"),
    )
    assert store.tables["rows"][ROOM]["updated"]["metadata"] == '{"a.b":{"$c":1}}'
    keys = {key for row in store.tables["changes"].values() for key in row["change"]}
    assert not {key for key in keys if "." in key or "$" in key or key == "bob"}
    assert client_view(store, "c2").metadata == {"a.b": {"$c": 1}}
    assert client_view(store, "c3").roles == {"bob": "admin"}


def client_view(store: Store, event_id: str) -> ChangeView:
    return change_view(store.tables["changes"][event_id])


def test_change_has_what_differs_from_before() -> None:
    store = Store()
    facts = [
        created(title="Order", participants={"ann": "owner", "bob": "member"}),
        changed(title="Plans", avatar=None, metadata={"a": 1}),
        added("bob", "cid", at_seq=2, role="admin"),
        roles_changed(bob="admin", cid="admin", eve="admin"),
        pinned("m1"),
        unpinned("m1", "ann"),
        removed("bob", "eve", at_seq=4),
    ]
    store.fold(*(at(number, event, f"e{number}") for number, event in enumerate(facts)))
    views = [client_view(store, f"e{number}") for number in range(len(facts))]
    assert [view.change for view in views] == [
        "created",
        "changed",
        "participants-added",
        "roles-changed",
        "message-pinned",
        "message-unpinned",
        "participants-removed",
    ]
    opened, renamed, joined, promoted, put, taken, left = views
    assert (opened.participants, opened.roles) == (["ann", "bob"], {"ann": "owner", "bob": "member"})
    assert opened.title == "Order"
    assert (renamed.changed, renamed.title, renamed.metadata) == (["title", "metadata"], "Plans", {"a": 1})
    assert (joined.participants, joined.roles, joined.at_seq) == (["cid"], {"cid": "admin"}, 2)
    assert (promoted.participants, promoted.roles) == (["bob"], {"bob": "admin"})
    assert (put.message_id, taken.message_id) == ("m1", "m1")
    assert (left.participants, left.roles, left.at_seq) == (["bob"], {}, 4)


def test_ignored_change_has_only_its_number() -> None:
    store = Store()
    ignored = [
        changed("bob", title="Mine"),
        roles_changed("bob", bob="owner"),
        removed("ann"),
        unpinned("m1"),
        pinned("m1", "eve"),
    ]
    one, *others = store.fold(*(at(n, event, f"e{n}") for n, event in enumerate([created(), *ignored])))
    assert one.applied
    for other in others:
        view = view_of(other.change)
        assert not other.applied
        assert (view.participants, view.changed, view.title, view.roles, view.message_id) == ([], [], None, {}, None)
    assert [other.n for other in others] == [2, 3, 4, 5, 6]


def test_unreadable_event_has_a_number_and_is_marked_unreadable() -> None:
    store = Store()
    fact = at(1, changed(title="x"), "e1")
    store.fold(at(0, created(), "e0"), replace(fact, event=None))
    view = client_view(store, "e1")
    assert (view.change, view.n, view.title) == ("unreadable", 2, None)


OTHERS: list[tuple[ConversationEvent, ConversationEvent]] = [
    (changed(title="a"), changed(title="b")),
    (changed(title="a"), changed(title="a", avatar=None)),
    (changed(metadata={"a": 1}), changed(metadata={"a": 2})),
    (roles_changed(bob="admin"), roles_changed(bob="owner")),
    (added("cid"), added("cid", role="admin")),
    (removed("bob"), removed("cid")),
    (pinned("m1"), pinned("m2")),
    (unpinned("m1"), unpinned("m2")),
]


@pytest.mark.parametrize(("first", "other"), OTHERS, ids=lambda event: type(event).__name__)
def test_repeat_with_another_body_is_a_conflict_and_changes_nothing(
    first: ConversationEvent, other: ConversationEvent
) -> None:
    store = Store()
    store.fold(at(0, created(), "e0"), at(1, first, "e1"))
    before = repr(store.tables)
    same, differing = store.fold(at(2, first, "e1"), at(3, other, "e1"))
    assert (same.repeat, same.conflict) == (True, False)
    assert (differing.repeat, differing.conflict) == (True, True)
    assert repr(store.tables) == before


def test_repeat_decided_on_a_newer_message_is_no_conflict() -> None:
    store = Store()
    store.fold(at(0, created(), "e0"), at(1, added("cid", at_seq=2), "e1"))
    (again,) = store.fold(at(2, added("cid", at_seq=9), "e1"))
    assert (again.repeat, again.conflict) == (True, False)


@pytest.mark.parametrize(
    "event", [added("cid"), removed("bob"), roles_changed(bob="admin")], ids=lambda one: type(one).__name__
)
def test_repeat_of_an_older_versions_event_is_no_conflict(event: ConversationEvent) -> None:
    store = Store()
    store.fold(at(0, created(), "e0"), at(1, structs.replace(event, by_rank=False), "e1"))
    (again,) = store.fold(at(2, event, "e1"))
    assert (again.repeat, again.conflict) == (True, False)


def test_row_of_an_older_version_is_read() -> None:
    store = Store()
    store.fold(at(0, created(), "e0"), at(1, removed("bob", at_seq=4), "e1"))
    row = store.tables["rows"][ROOM]
    older = {name: value for name, value in row["updated"].items() if name != "history_from"}
    assert conversation_rows.state_of({**row, "updated": older}) == conversation_rows.state_of(row)


def everyone(state: Conversation) -> list[ParticipantView]:
    cursors = {user: CursorView(user_id=user, read_seq=0, delivered_seq=0) for user in state.members}
    return conversation_rows.people_of(state, cursors)


def test_change_of_history_has_what_later_members_may_read() -> None:
    store = Store()
    events = [created(history="all"), changed(history="joined"), changed(history="all"), added("cid", at_seq=5)]
    changes = [one.change for one in store.fold(*(at(n, event, f"e{n}") for n, event in enumerate(events)))]
    assert [one.get("history") for one in changes] == ["all", "joined", "all", None]
    assert [one.get("from_seq") for one in changes] == [None, None, 1, 1]
    assert (changes[2]["changed"], changes[3]["at_seq"]) == (["history"], 5)
    state = conversation_rows.state_of(store.tables["rows"][ROOM])
    shown = conversation_rows.view(state, 5, people=everyone(state))
    assert (shown.history, shown.history_from) == ("all", 1)
    assert [one.intervals for one in shown.participants or ()] == [[(1, None)]] * 3


def test_late_repeat_undoes_nothing_newer() -> None:
    store = Store()
    first = changed(title="a", metadata={"a": 1})
    store.fold(
        *(at(n, e, f"e{n}") for n, e in enumerate([created(), first, changed(title="b"), pinned("m"), unpinned("m")]))
    )
    store.fold(at(7, first, "e1"), at(8, pinned("m"), "e3"))
    state = conversation_rows.state_of(store.tables["rows"][ROOM])
    assert (state.title, state.pins, state.n) == ("b", (), 5)


def test_former_member_sees_nothing_of_the_present_state() -> None:
    store = Store()
    events = [
        created(title="a"),
        removed("bob", at_seq=3),
        changed(title="b", avatar="x", metadata={"k": 1}),
        pinned("m", "ann"),
    ]
    store.fold(*(at(n, event, f"e{n}") for n, event in enumerate(events)))
    state = conversation_rows.state_of(store.tables["rows"][ROOM])
    past = conversation_rows.past_view(state, 2, 3, "bob")
    assert (past.title, past.avatar, past.metadata, past.pins) == (None, None, None, None)
    assert [one.user_id for one in past.participants or ()] == ["bob"]
    people = everyone(state)
    whole = conversation_rows.view(state, 9, people=people)
    assert (whole.title, whole.avatar, whole.metadata, whole.pins) == ("b", "x", {"k": 1}, ["m"])
    assert conversation_rows.view(state, 9, people=people, deleted={"m"}).pins == []
    listed = conversation_rows.view(state, 9)
    assert (listed.title, listed.avatar, listed.metadata, listed.pins) == ("b", "x", None, None)


def test_pin_names_the_deleted_messages_that_it_unpins() -> None:
    store = Store()
    pins = [created(), pinned("m1"), pinned("m2"), structs.replace(pinned("m3"), freed=["m1", "unknown"])]
    numbered = store.fold(*(at(n, event, f"e{n}") for n, event in enumerate(pins)))
    assert (numbered[3].change["message_id"], numbered[3].change["freed"]) == ("m3", ["m1"])
    assert "freed" not in numbered[2].change
    assert conversation_rows.state_of(store.tables["rows"][ROOM]).pins == ("m2", "m3")
    (again,) = store.fold(at(7, pinned("m3"), "e3"))  # a retry, which found nothing to free
    assert (again.repeat, again.conflict) == (True, False)


def test_repeat_with_other_users_is_a_conflict_and_changes_nothing() -> None:
    store = Store()
    store.fold(*STORY)
    before = repr(store.tables)
    (again,) = store.fold(at(6, added("eve", actor="bob", at_seq=2), "c2"))
    assert (again.repeat, again.conflict) == (True, True)
    assert repr(store.tables) == before
    (reopened,) = store.fold(at(7, created(participants={"ann": "owner"}), "c1"))
    assert (reopened.repeat, reopened.conflict) == (True, False)
