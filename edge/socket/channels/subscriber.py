"""Subscriber is a client session of this node as a receiver of pushes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.socket.channels.conversation_channel import ConversationChannel


class Subscriber:
    """A session in the hub: its user, and `push`, which sends it a frame and never raises or waits.

    `left` has the last delivered number of each lane of the conversations that its user left: delivery goes on there if
    they return.
    """

    __slots__ = ("channels", "left", "push", "tenant", "user_id")

    def __init__(self, tenant: str, user_id: str, push: Callable[[bytes], None]) -> None:
        self.tenant = tenant
        self.user_id = user_id
        self.push = push
        self.channels: dict[str, ConversationChannel] = {}
        self.left: dict[str, dict[str, int]] = {}
