"""An answer holds as many messages as fit, those nearest to what was asked for."""

import msgspec
import pytest

from projections.queries.response_size import fitting
from schemas.wire.views import MessageView
from tests.given import AT, ROOM


def view(text: str) -> MessageView:
    return MessageView(
        conversation_id=ROOM,
        message_id=ROOM,
        seq=1,
        sender="ann",
        text=text,
        at=AT,
        client_msg_id="k",
        reply_to=None,
        edited=False,
        deleted=False,
        unreadable=False,
    )


EMPTY = len(msgspec.json.encode(view("")))
SMALL = [view("x" * 10) for _ in range(6)]
ONE = EMPTY + 10


@pytest.mark.parametrize(
    ("anchor", "room", "chosen"),
    [
        (0, 6, range(6)),
        (5, 6, range(6)),
        (0, 2, range(2)),
        (5, 2, range(4, 6)),
        (3, 1, range(3, 4)),
        (3, 2, range(3, 5)),
        (3, 3, range(2, 5)),
        (3, 5, range(1, 6)),
        (4, 4, range(2, 6)),
    ],
)
def test_as_many_fit_as_there_is_room_for(anchor: int, room: int, chosen: range) -> None:
    assert fitting(SMALL, anchor, room * ONE) == chosen
    assert len(fitting(SMALL, anchor, room * ONE - 1)) == max(1, room - 1)


def test_one_is_always_told_and_none_of_none() -> None:
    assert fitting([view("x" * 999), view("y")], 0, 10) == range(1)
    assert fitting([], 0) == range(0)


def test_nothing_is_left_out_between() -> None:
    assert fitting([view("a"), view("x" * 999), view("b")], 0, 3 * ONE) == range(1)
