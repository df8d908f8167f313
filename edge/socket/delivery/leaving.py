"""Keeps how far a client was sent the conversations that its user left, for the case of a return."""

from collections.abc import Mapping

from core.ports.memberships import Memberships
from edge.socket.channels.channel import FOLLOWED
from edge.socket.channels.subscriber import Subscriber


def remember(seat: Subscriber, memberships: Memberships, positions: Mapping[str, Mapping[str, int]]) -> None:
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
