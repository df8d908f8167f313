"""The conversation limit of users."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from core.domain import conversation_limit
from core.domain.conversation import State, evolve
from core.domain.decision import Context, Rejected
from schemas.events import ConversationCreated, ConversationEvent, ParticipantsAdded
from tests.given import AT, ROOM

ABOUT = {"tenant": "t", "at": AT, "conversation_id": ROOM, "actor": "ann"}
OPENED = ConversationCreated(**ABOUT, kind="group", participants={"ann": "owner", "ben": "member"})
ADDED = ParticipantsAdded(**ABOUT, participants={"ben": "member", "cy": "member"}, at_seq=0)
ANN = Context("t", "ann", AT, "")
FULL = {"ann": 3, "ben": 3, "cy": 3}


def check(before: State, event: ConversationEvent, count: Mapping[str, int], limit: int = 3) -> None:
    conversation_limit.check(before, [event], ANN, limit, lambda user: count.get(user, 0))


def test_user_below_the_limit_is_added() -> None:
    check(None, OPENED, {"ann": 2, "ben": 2})
    check(None, OPENED, FULL, limit=0)


@pytest.mark.parametrize("who", ["ann", "ben"])
def test_user_at_the_limit_opens_nothing_and_is_not_added(who: str) -> None:
    with pytest.raises(Rejected, match="you are in 3" if who == "ann" else "ben is in 3") as rejection:
        check(None, OPENED, {who: 3})
    assert rejection.value.code == "conversation_limit"


def test_member_at_the_limit_is_no_reason_to_reject_an_addition() -> None:
    check(evolve(None, OPENED), ADDED, {"ann": 3, "ben": 3})
    with pytest.raises(Rejected, match="cy is in 3"):
        check(evolve(None, OPENED), ADDED, FULL)


def test_application_is_not_limited() -> None:
    conversation_limit.check(None, [OPENED], replace(ANN, names=("work",)), 3, FULL.__getitem__)
