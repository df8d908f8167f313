"""One client of this node as a subscriber of pushes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.socket.channels.channel import Channel


class Subscriber:
    """One session's place in the hub: whose it is and how a push gets to it; `push` never raises and never waits.

    `left` says how far it was told of a conversation that its user left, lane by lane: there it goes on if they return.
    """

    __slots__ = ("channels", "left", "push", "tenant", "user_id")

    def __init__(self, tenant: str, user_id: str, push: Callable[[bytes], None]) -> None:
        self.tenant = tenant
        self.user_id = user_id
        self.push = push
        self.channels: dict[str, Channel] = {}
        self.left: dict[str, dict[str, int]] = {}
