"""Tests marks: a user's last message and the messages that name them, with repeats, any cut and lost saves."""

import random
from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from projections.facts import Fact, LaneCounter
from projections.messages import message_rows, unread_markers
from projections.messages.message_rows import Numbered
from projections.messages.unread_markers import NAMED_KEPT
from schemas.events import MessageEdited, MessageSent
from schemas.topics import MESSAGE_DELETED, MESSAGE_EDITED, MESSAGE_SENT
from tests.given import ROOM, TENANT, deleted, edited, sent
from tests.projections.given import fact, fold_in_parts, keep, unreadable


def naming(key: str, sender: str, *mentions: str) -> MessageSent:
    return sent(key, sender=sender, mentions=mentions)


class Store:
    """Keeps what `save` would keep; `upto` is the number of steps before a crash: rows, then marks, then heads."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"rows": {}, "marks": {}, "heads": {}}

    def fold(self, *facts: Fact, upto: int = 3) -> list[Numbered]:
        rows = {
            key: self.tables["rows"][key] for one in facts if (key := message_rows.row_id(one)) in self.tables["rows"]
        }
        marked = {key: self.tables["marks"][key] for key in unread_markers.needed(facts) if key in self.tables["marks"]}
        folded = message_rows.fold(facts, rows, LaneCounter(self.tables["heads"]))
        steps = [
            ("rows", folded.rows),
            ("marks", unread_markers.fold(folded.numbered, marked)),
            ("heads", folded.heads),
        ]
        for name, writes in steps[:upto]:
            keep(self.tables[name], writes)
        return list(folded.numbered)

    def of(self, user: str) -> Any:
        return self.tables["marks"].get(unread_markers.row_id(ROOM, user))


def test_newest_message_of_each_sender_is_marked() -> None:
    store = Store()
    store.fold(*(fact(MESSAGE_SENT, n, naming(f"k{n}", who)) for n, who in enumerate(["bob", "ann", "bob"])))
    assert (
        unread_markers.spoke(store.of("bob")),
        unread_markers.spoke(store.of("ann")),
        unread_markers.spoke(store.of("cy")),
    ) == (3, 2, 0)
    assert (store.of("bob")["tenant"], store.of("bob")["conversation_id"], store.of("bob")["user_id"]) == (
        TENANT,
        ROOM,
        "bob",
    )


def test_messages_that_name_another_user_are_kept_in_order() -> None:
    store = Store()
    first, second = naming("k1", "bob", "ann", "bob", "ann"), naming("k2", "cy", "ann")
    store.fold(fact(MESSAGE_SENT, 0, first), fact(MESSAGE_SENT, 1, second, actor="cy"))
    assert unread_markers.named(store.of("ann")) == [first.message_id, second.message_id]
    assert unread_markers.named(store.of("bob")) == []
    assert store.of("ann")["named"]["n"] == 2
    assert unread_markers.spoke(store.of("ann")) == 0


def test_only_the_newest_that_name_a_user_are_kept() -> None:
    store = Store()
    many = [naming(f"k{n}", "bob", "ann") for n in range(NAMED_KEPT + 5)]
    for n, one in enumerate(many):
        store.fold(fact(MESSAGE_SENT, n, one))
    assert unread_markers.named(store.of("ann")) == [one.message_id for one in many[5:]]


def renaming(of: MessageSent, key: str, *mentions: str, seq: int = 1, editor: str = "") -> MessageEdited:
    return structs.replace(edited(of, key, editor or of.sender), mentions=list(mentions), seq=seq)


def test_edit_that_names_a_user_is_kept_with_the_number_of_its_message() -> None:
    store = Store()
    hello, other = naming("k1", "bob"), naming("k2", "bob", "ann")
    store.fold(fact(MESSAGE_SENT, 0, hello), fact(MESSAGE_SENT, 1, other))
    store.fold(fact(MESSAGE_EDITED, 0, renaming(hello, "a", "ann", "bob"), "e1"))
    store.fold(fact(MESSAGE_EDITED, 1, renaming(other, "b", "ann", "cy", seq=2), "e2"))
    assert store.of("ann")["edited"]["told"] == [[1, hello.message_id], [2, other.message_id]]
    assert store.of("cy")["edited"]["told"] == [[2, other.message_id]]
    assert "edited" not in store.of("bob")
    assert unread_markers.unread_named(store.of("ann"), 0) == [other.message_id, hello.message_id]
    assert unread_markers.unread_named(store.of("ann"), 1) == [other.message_id]
    assert unread_markers.unread_named(store.of("ann"), 2) == []
    assert unread_markers.unread_named(None, 0) == ()


def test_old_edit_without_a_number_is_always_returned() -> None:
    store, hello = Store(), naming("k1", "bob")
    store.fold(fact(MESSAGE_EDITED, 0, renaming(hello, "a", "ann", seq=0), "e1"))
    assert unread_markers.unread_named(store.of("ann"), 99) == [hello.message_id]


def test_message_edited_repeatedly_is_kept_once_up_to_the_maximum() -> None:
    store, first = Store(), naming("first", "bob")
    many = [naming(f"k{n}", "bob") for n in range(NAMED_KEPT + 5)]
    edits = [first, *many[:50], first, *many[50:], first]
    for n, one in enumerate(edits):
        store.fold(fact(MESSAGE_EDITED, n, renaming(one, f"{n}", "ann"), f"e{n}"))
    kept = [message_id for _, message_id in store.of("ann")["edited"]["told"]]
    assert kept == [one.message_id for one in [*many, first]][-NAMED_KEPT:]


def test_unreadable_message_still_marks_its_sender() -> None:
    store = Store()
    store.fold(unreadable(MESSAGE_SENT, 0, "e1"))
    assert unread_markers.spoke(store.of("bob")) == 1


def test_repeat_and_other_changes_mark_nothing() -> None:
    store = Store()
    hello = naming("k1", "bob", "ann")
    store.fold(fact(MESSAGE_SENT, 0, hello), fact(MESSAGE_SENT, 1, sent("k2", sender="cy"), actor="cy"))
    before = repr(store.tables["marks"])
    store.fold(fact(MESSAGE_SENT, 2, hello), fact(MESSAGE_DELETED, 0, deleted(hello), "d1"))
    assert repr(store.tables["marks"]) == before


def test_rows_are_read_only_of_named_users() -> None:
    facts = [fact(MESSAGE_SENT, 0, sent("k1")), fact(MESSAGE_DELETED, 0, deleted(sent("k1")), "d1")]
    assert unread_markers.needed(facts) == set()
    assert unread_markers.needed([fact(MESSAGE_SENT, 0, naming("k1", "bob", "bob", "ann"))]) == {
        unread_markers.row_id(ROOM, "ann")
    }


def log_of(said: list[tuple[str, str, list[str], bool, bool]]) -> list[Fact]:
    """Return sent messages, and edits in another partition, interleaved in any order."""
    found, offsets = [], {MESSAGE_SENT: 0, MESSAGE_EDITED: 0}
    for n, (key, sender, mentions, torn, edits) in enumerate(said):
        topic = MESSAGE_EDITED if edits else MESSAGE_SENT
        event = naming(key, sender, *mentions)
        what = renaming(event, f"{n}", *mentions, seq=0) if edits else event
        one = fact(topic, offsets[topic], what, f"e{n % 12}" if edits else "", actor=sender)
        offsets[topic] += 1
        found.append(Fact(one.topic, one.position, one.envelope, None) if torn else one)
    return found


PEOPLE = st.sampled_from(["ann", "bob", "cy"])
TORN = st.sampled_from([False] * 5 + [True])
LOGS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), PEOPLE, st.lists(PEOPLE, max_size=3), TORN, st.booleans()),
    max_size=25,
).map(log_of)


@for_all(LOGS, st.randoms(use_true_random=False))
def test_batches_cut_anywhere_with_crashes_give_the_same_marks(facts: list[Fact], chance: random.Random) -> None:
    whole, store = Store(), Store()
    whole.fold(*facts)
    fold_in_parts(store, facts, chance)
    assert store.tables == whole.tables


@for_all(LOGS)
def test_messages_and_edits_give_the_same_marks_in_either_order(facts: list[Fact]) -> None:
    mixed, apart = Store(), Store()
    mixed.fold(*facts)
    apart.fold(*(one for one in facts if one.topic == MESSAGE_EDITED))
    apart.fold(*(one for one in facts if one.topic == MESSAGE_SENT))
    assert apart.tables["marks"] == mixed.tables["marks"]


@for_all(LOGS)
def test_marks_match_the_messages(facts: list[Fact]) -> None:
    store = Store()
    store.fold(*facts)
    rows = sorted(
        (row for row in store.tables["rows"].values() if "sent" in row), key=lambda row: int(row["sent"]["n"])
    )
    for user in ("ann", "bob", "cy"):
        said = [row["sent"]["n"] for row in rows if row["sent"]["sender"] == user]
        assert unread_markers.spoke(store.of(user)) == max(said, default=0)
        named = [
            row["_id"] for row in rows if user in row["sent"].get("mentions", ()) and row["sent"]["sender"] != user
        ]
        assert unread_markers.named(store.of(user)) == named
        edits = {
            row["_id"]
            for row in store.tables["rows"].values()
            for version in row.get("edited", {"versions": []})["versions"]
            if user in version.get("mentions", ()) and version["by"] != user
        }
        assert {key for _, key in (store.of(user) or {}).get("edited", {"told": []})["told"]} == edits
