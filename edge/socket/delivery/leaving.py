"""Remember how far a client was sent the conversations that its user left, in case the user returns."""

from collections.abc import Mapping

from core.ports.memberships import Memberships
from edge.socket.channels.conversation_channel import RESUMED_LANES
from edge.socket.channels.subscriber import Subscriber


def remember(subscriber: Subscriber, memberships: Memberships, positions: Mapping[str, Mapping[str, int]]) -> None:
    """Store a session's positions in the conversations that its user has left, in case the user returns.

    Call it with the positions of a `sync` before it reads heads, and with those it answers: then no row is missed,
    whenever the user returns.
    """
    known = memberships.of_user(subscriber.tenant, subscriber.user_id)
    for key, lanes in positions.items():
        if key in known and key not in subscriber.channels:
            pushed = subscriber.left.get(key, {})  # pushes may be further than a `sync` that ran meanwhile
            subscriber.left[key] = {lane: max(lanes.get(lane, 0), pushed.get(lane, 0)) for lane in RESUMED_LANES}
