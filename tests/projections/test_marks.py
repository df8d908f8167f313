"""Marks say what somebody said last and what named them, whatever is repeated, cut or lost on the way."""

import random
from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from projections import marks, messages
from projections.facts import Fact, Heads
from projections.marks import NAMED_KEPT
from projections.messages import Numbered
from schemas.events import MessageSent
from schemas.topics import MESSAGE_DELETED, MESSAGE_SENT
from tests.given import ROOM, TENANT, deleted, sent
from tests.projections.given import fact, fold_in_parts, keep, unreadable


def naming(key: str, sender: str, *mentions: str) -> MessageSent:
    return sent(key, sender=sender, mentions=mentions)


class Store:
    """What `save` would keep; `upto` says how far a batch gets before a crash: rows, then marks, then heads."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"rows": {}, "marks": {}, "heads": {}}

    def fold(self, *facts: Fact, upto: int = 3) -> list[Numbered]:
        rows = {key: self.tables["rows"][key] for one in facts if (key := messages.row_id(one)) in self.tables["rows"]}
        marked = {key: self.tables["marks"][key] for key in marks.needed(facts) if key in self.tables["marks"]}
        folded = messages.fold(facts, rows, Heads(self.tables["heads"]))
        steps = [("rows", folded.rows), ("marks", marks.fold(folded.numbered, marked)), ("heads", folded.heads)]
        for name, writes in steps[:upto]:
            keep(self.tables[name], writes)
        return list(folded.numbered)

    def of(self, user: str) -> Any:
        return self.tables["marks"].get(marks.row_id(ROOM, user))


def test_the_newest_message_that_somebody_said_is_marked() -> None:
    store = Store()
    store.fold(*(fact(MESSAGE_SENT, n, naming(f"k{n}", who)) for n, who in enumerate(["bob", "ann", "bob"])))
    assert (marks.spoke(store.of("bob")), marks.spoke(store.of("ann")), marks.spoke(store.of("cy"))) == (3, 2, 0)
    assert (store.of("bob")["tenant"], store.of("bob")["conversation_id"], store.of("bob")["user_id"]) == (
        TENANT,
        ROOM,
        "bob",
    )


def test_messages_that_name_somebody_else_are_kept_in_their_order() -> None:
    store = Store()
    first, second = naming("k1", "bob", "ann", "bob", "ann"), naming("k2", "cy", "ann")
    store.fold(fact(MESSAGE_SENT, 0, first), fact(MESSAGE_SENT, 1, second, actor="cy"))
    assert marks.named(store.of("ann")) == [first.message_id, second.message_id]
    assert marks.named(store.of("bob")) == []
    assert store.of("ann")["named"]["n"] == 2
    assert marks.spoke(store.of("ann")) == 0


def test_only_the_newest_that_name_somebody_are_kept() -> None:
    store = Store()
    many = [naming(f"k{n}", "bob", "ann") for n in range(NAMED_KEPT + 5)]
    for n, one in enumerate(many):
        store.fold(fact(MESSAGE_SENT, n, one))
    assert marks.named(store.of("ann")) == [one.message_id for one in many[5:]]


def test_a_message_that_cannot_be_read_is_still_somebodys_word() -> None:
    store = Store()
    store.fold(unreadable(MESSAGE_SENT, 0, "e1"))
    assert marks.spoke(store.of("bob")) == 1


def test_a_repeat_and_other_changes_mark_nothing() -> None:
    store = Store()
    hello = naming("k1", "bob", "ann")
    store.fold(fact(MESSAGE_SENT, 0, hello), fact(MESSAGE_SENT, 1, sent("k2", sender="cy"), actor="cy"))
    before = repr(store.tables["marks"])
    store.fold(fact(MESSAGE_SENT, 2, hello), fact(MESSAGE_DELETED, 0, deleted(hello), "d1"))
    assert repr(store.tables["marks"]) == before


def test_nobody_is_looked_up_where_nobody_is_named() -> None:
    facts = [fact(MESSAGE_SENT, 0, sent("k1")), fact(MESSAGE_DELETED, 0, deleted(sent("k1")), "d1")]
    assert marks.needed(facts) == set()
    assert marks.needed([fact(MESSAGE_SENT, 0, naming("k1", "bob", "bob", "ann"))]) == {marks.row_id(ROOM, "ann")}


def log_of(said: list[tuple[str, str, list[str], bool]]) -> list[Fact]:
    found = []
    for offset, (key, sender, mentions, torn) in enumerate(said):
        event = naming(key, sender, *mentions)
        one = fact(MESSAGE_SENT, offset, event, actor=sender)
        found.append(Fact(one.topic, one.position, one.envelope, None) if torn else one)
    return found


PEOPLE = st.sampled_from(["ann", "bob", "cy"])
LOGS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), PEOPLE, st.lists(PEOPLE, max_size=3), st.sampled_from([False] * 5 + [True])),
    max_size=25,
).map(log_of)


@for_all(LOGS, st.randoms(use_true_random=False))
def test_batches_cut_anywhere_with_crashes_between_give_the_same_marks(
    facts: list[Fact], chance: random.Random
) -> None:
    whole, store = Store(), Store()
    whole.fold(*facts)
    fold_in_parts(store, facts, chance)
    assert store.tables == whole.tables


@for_all(LOGS)
def test_marks_are_what_the_messages_say(facts: list[Fact]) -> None:
    store = Store()
    store.fold(*facts)
    rows = sorted(store.tables["rows"].values(), key=lambda row: row["sent"]["n"])
    for user in ("ann", "bob", "cy"):
        said = [row["sent"]["n"] for row in rows if row["sent"]["sender"] == user]
        assert marks.spoke(store.of(user)) == max(said, default=0)
        named = [
            row["_id"] for row in rows if user in row["sent"].get("mentions", ()) and row["sent"]["sender"] != user
        ]
        assert marks.named(store.of(user)) == named
