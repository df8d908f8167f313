"""Conversations stay loaded while a held user is in them; of the others those that were needed last."""

import pytest

from core.domain.conversation import Conversation
from core.domain.member import Interval, Member
from projections.conversations import conversation_rows
from schemas.events import ParticipantsAdded, ParticipantsRemoved
from schemas.topics import CONVERSATION_UPDATED, Partition
from streams.memberships.loaded import OWN_SIZE, LoadedConversations
from streams.memberships.recent_records import RecentRecord
from streams.memberships.view_reader import SavedConversation
from tests.streams.world import AT, TENANT

PLACE = Partition(CONVERSATION_UPDATED, 0)
ANN = (TENANT, "ann")
SIZE = OWN_SIZE + 2
"""The size of a conversation with two members and no known changes."""


def saved(key: str, *users: str) -> SavedConversation:
    members = {user: Member("owner", (Interval(1),)) for user in users}
    state = Conversation(TENANT, key, "group", users[0], AT, n=1, members=members)
    return SavedConversation({"_id": key, "tenant": TENANT, "updated": conversation_rows.facet_of_state(0, state)}, {})


def change(key: str, offset: int, *, adds: str = "", removes: str = "") -> RecentRecord:
    fields = {"tenant": TENANT, "at": AT, "conversation_id": key, "actor": "ben", "at_seq": 0}
    event = (
        ParticipantsAdded(participants={adds: "member"}, **fields)
        if adds
        else ParticipantsRemoved(participants=[removes], **fields)
    )
    return RecentRecord(PLACE, offset, f"{key} {offset}", key, event)


@pytest.fixture
def loaded() -> LoadedConversations:
    """Conversations of ben and cy, of which two fit in memory."""
    found = LoadedConversations()
    found.idle_size = 2 * SIZE + 1
    for key in "abc":
        found.begin(key, saved(key, "ben", "cy"), 0)
    return found


def left(loaded: LoadedConversations) -> list[str]:
    loaded.forget_idle()
    return [key for key in "abc" if key in loaded]


def test_the_one_that_was_needed_longest_ago_is_forgotten(loaded: LoadedConversations) -> None:
    loaded.touch("a")
    assert left(loaded) == ["a", "c"]
    assert loaded.present_of_user((TENANT, "ben")) == {"a", "c"}


def test_those_of_a_held_user_stay_until_they_are_removed_or_released(loaded: LoadedConversations) -> None:
    loaded.idle_size = 0
    loaded.hold(ANN)
    for offset, key in enumerate("ab"):
        loaded.apply(change(key, offset, adds="ann"))
    assert left(loaded) == ["a", "b"]
    loaded.apply(change("a", 2, removes="ann"))
    assert left(loaded) == ["b"]
    assert (loaded.present_of_user(ANN), loaded.of_user(ANN)) == ({"b"}, {"a", "b"})
    loaded.release(ANN)
    assert left(loaded) == []
    assert loaded.present_of_user(ANN) == frozenset()


def test_conversation_of_two_held_users_stays_for_the_second(loaded: LoadedConversations) -> None:
    loaded.idle_size = 0
    for user in ("ben", "cy"):
        loaded.hold((TENANT, user))
    loaded.release((TENANT, "ben"))
    assert left(loaded) == ["a", "b", "c"]
    loaded.release((TENANT, "cy"))
    assert left(loaded) == []


def test_change_says_who_is_a_member_after_it(loaded: LoadedConversations) -> None:
    added = loaded.apply(change("a", 0, adds="ann"))
    assert added is not None and (added.n, list(added.members)) == (2, ["ann"])
    gone = loaded.apply(change("a", 1, removes="ann"))
    assert gone is not None and (gone.n, list(gone.members)) == (3, [])
    assert loaded.apply(change("a", 1, removes="ann")) is None, "a repeat"
