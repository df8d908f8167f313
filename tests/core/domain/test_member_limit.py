"""The member limit of groups."""

import pytest

from core.domain import member_limit
from core.domain.conversation import State, evolve
from core.domain.decision import Rejected
from schemas.events import ConversationCreated, ConversationEvent, ParticipantsAdded, ParticipantsRemoved
from tests.given import AT, ROOM

ABOUT = {"tenant": "t", "at": AT, "conversation_id": ROOM, "actor": "ann"}
OPENED = ConversationCreated(**ABOUT, kind="group", participants={"ann": "owner", "ben": "member"})


def added(*users: str) -> ParticipantsAdded:
    return ParticipantsAdded(**ABOUT, participants=dict.fromkeys(users, "member"), at_seq=0)


def after(*events: ConversationEvent) -> State:
    state: State = None
    for event in events:
        state = evolve(state, event)
    return state


def test_group_takes_members_up_to_the_limit() -> None:
    member_limit.check(None, [OPENED], 2)
    member_limit.check(after(OPENED), [added("cy")], 3)


def test_member_beyond_the_limit_is_rejected() -> None:
    for before, event in ((None, OPENED), (after(OPENED), added("cy"))):
        with pytest.raises(Rejected) as rejection:
            member_limit.check(before, [event], member_limit.present(after(OPENED)) - (before is None))
        assert rejection.value.code == "member_limit"


def test_limit_counts_present_members_only() -> None:
    left = ParticipantsRemoved(**ABOUT, participants=["ben"], at_seq=0)
    member_limit.check(after(OPENED, left), [added("cy")], 2)
    member_limit.check(after(OPENED), [added("ben")], 1)  # a present member is not added again


def test_added_users_are_those_who_were_not_members_before() -> None:
    left = ParticipantsRemoved(**ABOUT, participants=["ben"], at_seq=0)
    assert member_limit.added(None, [OPENED]) == ["ann", "ben"]
    assert member_limit.added(after(OPENED), [added("ben", "cy"), added("dan")]) == ["cy", "dan"]
    assert member_limit.added(after(OPENED, left), [added("ben")]) == ["ben"]
    assert member_limit.added(after(OPENED), [left]) == []


def test_direct_conversation_ignores_the_limit() -> None:
    pair = ConversationCreated(**ABOUT, kind="direct", participants={"ann": "member", "ben": "member"})
    member_limit.check(None, [pair], 1)
