"""How many people a group takes at one time."""

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


def test_a_group_takes_as_many_as_the_limit_says() -> None:
    member_limit.check(None, [OPENED], 2)
    member_limit.check(after(OPENED), [added("cy")], 3)


def test_one_more_is_refused_at_the_opening_and_at_the_adding() -> None:
    for before, event in ((None, OPENED), (after(OPENED), added("cy"))):
        with pytest.raises(Rejected) as no:
            member_limit.check(before, [event], member_limit.present(after(OPENED)) - (before is None))
        assert no.value.code == "member_limit"


def test_only_those_count_who_are_in_it_now() -> None:
    left = ParticipantsRemoved(**ABOUT, participants=["ben"], at_seq=0)
    member_limit.check(after(OPENED, left), [added("cy")], 2)
    member_limit.check(after(OPENED), [added("ben")], 1)  # who is in it comes not again


def test_a_direct_conversation_has_its_two_whatever_the_limit() -> None:
    pair = ConversationCreated(**ABOUT, kind="direct", participants={"ann": "member", "ben": "member"})
    member_limit.check(None, [pair], 1)
