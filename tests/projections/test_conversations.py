"""Conversations fold in the order of the log, through repeats and half-saved batches."""

from collections.abc import Sequence
from typing import Any

from core.positions import position
from projections import conversations
from projections.conversations import Told
from projections.facts import Fact, Heads
from schemas.envelope import Envelope
from schemas.events import TYPE_OF, ConversationEvent
from schemas.topics import CONVERSATION_UPDATED
from tests.core.domain.test_conversation import added, created, removed
from tests.given import AT, CORRELATION, ROOM, TENANT


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
    """What `save` would keep; `upto` says how far a batch gets before a crash."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {"changes": {}, "rows": {}, "participants": {}, "heads": {}}

    def fold(self, *facts: Fact, upto: int = 4) -> Sequence[Told]:
        folded = conversations.fold(facts, self.tables["rows"], self.tables["changes"], Heads(self.tables["heads"]))
        steps = [
            ("changes", folded.changes),
            ("rows", folded.rows),
            ("participants", folded.participants),
            ("heads", folded.heads),
        ]
        for name, writes in steps[:upto]:
            for write in writes:
                row = self.tables[name].setdefault(write.id, {"_id": write.id, **write.fixed})
                for facet, value in write.facets.items():
                    if facet not in row or row[facet]["pos"] < value["pos"]:
                        row[facet] = value
        return folded.told


STORY = [
    at(0, created(participants={"ann": "owner", "bob": "admin"}), "c1"),
    at(1, added("cid", actor="bob", at_seq=2), "c2"),
    at(2, removed("bob", at_seq=3), "c3"),
    at(3, added("cid", actor="bob", at_seq=2), "c2"),
    at(4, added("dan", actor="bob", at_seq=5), "c4"),
    at(5, removed("cid", actor="cid", at_seq=6), "c5"),
]


def test_who_is_in_it_is_what_the_order_of_the_log_allows() -> None:
    store = Store()
    told = store.fold(*STORY)
    assert [(one.n, one.repeat, one.applied) for one in told] == [
        (1, False, True),
        (2, False, True),
        (3, False, True),
        (2, True, True),
        (4, False, False),
        (5, False, True),
    ]
    state = conversations.state_of(store.tables["rows"][ROOM])
    assert {user: member.present for user, member in state.members.items()} == {"ann": True, "bob": False, "cid": False}
    assert store.tables["participants"][f"{ROOM}:cid"]["updated"]["intervals"] == [[3, 6]]


def test_a_crash_after_any_step_and_any_cut_leads_to_the_same_tables() -> None:
    whole = Store()
    whole.fold(*STORY)
    for cut in range(1, len(STORY) + 1):
        for upto in range(5):
            store = Store()
            store.fold(*STORY[:cut], upto=upto)
            store.fold(*STORY)
            assert store.tables == whole.tables, (cut, upto)


def test_a_state_survives_being_kept() -> None:
    store = Store()
    store.fold(*STORY)
    state = conversations.state_of(store.tables["rows"][ROOM])
    assert conversations.facet_of_state(7, state)["members"] == store.tables["rows"][ROOM]["updated"]["members"]
    assert state.n == 5


def test_a_repeat_that_names_others_is_a_conflict_and_changes_nothing() -> None:
    store = Store()
    store.fold(*STORY)
    before = repr(store.tables)
    (again,) = store.fold(at(6, added("eve", actor="bob", at_seq=2), "c2"))
    assert (again.repeat, again.conflict) == (True, True)
    assert repr(store.tables) == before
    (reopened,) = store.fold(at(7, created(participants={"ann": "owner"}), "c1"))
    assert (reopened.repeat, reopened.conflict) == (True, False)
