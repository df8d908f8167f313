"""Where someone's knowledge of a conversation ends who is in it no more: at the change that says that they left."""

from collections.abc import Mapping
from typing import Final

from core.ports.memberships import Memberships
from edge.socket.channel import FOLLOWED, Seat
from edge.socket.lanes import Lanes
from projections.conversations import LANE as CHANGES

REMOVED: Final = "participants-removed"
PAGE: Final = 100


async def left_at(lanes: Lanes, conversation_id: str, user_id: str, head: int) -> int:
    """The number of the last change up to `head` that showed the user out; 0 where there is none yet."""
    while head > 0 and (told := await lanes.told(conversation_id, CHANGES, 0, head, PAGE, reverse=True)):
        for one in told:
            change, head = one.row["change"], one.n - 1
            if change["change"] == REMOVED and change["applied"] and user_id in change.get("participants", ()):
                return one.n
    return 0


def remember(seat: Seat, memberships: Memberships, positions: Mapping[str, Mapping[str, int]]) -> None:
    """Keep how far a session has been told of the conversations that its user has left, for the case of a return.

    To be called with what a `sync` asks from, before it reads heads, and with what it answers: whenever the user
    returns, nothing falls in between.
    """
    for key, lanes in positions.items():
        view = memberships.get(key)
        known = view is not None and view.tenant == seat.tenant and seat.user_id in view.members
        if known and key not in seat.channels:
            told = seat.left.get(key, {})  # by pushes, which may have come further than a sync that was under way
            seat.left[key] = {lane: max(lanes.get(lane, 0), told.get(lane, 0)) for lane in FOLLOWED}
