"""An answer has as many messages as fit, the nearest ones to its anchor."""

import msgspec
import pytest

from projections.queries.response_size import fitting_range
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
def test_range_has_as_many_entries_as_fit(anchor: int, room: int, chosen: range) -> None:
    assert fitting_range(SMALL, anchor, room * ONE) == chosen
    assert len(fitting_range(SMALL, anchor, room * ONE - 1)) == max(1, room - 1)


def test_first_entry_always_fits_and_an_empty_list_has_none() -> None:
    assert fitting_range([view("x" * 999), view("y")], 0, 10) == range(1)
    assert fitting_range([], 0) == range(0)


def test_range_has_no_gaps() -> None:
    assert fitting_range([view("a"), view("x" * 999), view("b")], 0, 3 * ONE) == range(1)
