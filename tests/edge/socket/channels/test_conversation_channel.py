"""A subscriber whose user leaves receives what was written for them, and goes on behind it if they return."""

from dataclasses import dataclass
from typing import Any

from core.domain.conversation import Conversation
from core.domain.member import Interval, Member
from edge.socket.channels.channel_state import LIVE
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.channels.subscriber import Subscriber
from tests.given import AT, ROOM, TENANT

NOBODY: Any = None
"""The view of memberships, which none of this asks."""


@dataclass(frozen=True)
class Sent:
    """A message, decided on a view of the conversation."""

    n: int
    conversation_n: int
    frame: bytes = b"message"

    @property
    def seq(self) -> int:
        return self.n


def view(n: int, *stays: Interval) -> Conversation:
    members = {"ann": Member("owner", (Interval(1),)), "dee": Member("member", stays)}
    return Conversation(TENANT, ROOM, "group", "ann", AT, n=n, members=members)


def opened(*stays: Interval) -> tuple[ConversationChannel, Subscriber, list[bytes]]:
    channel, heard = ConversationChannel(view(1, *stays), NOBODY, LIVE), list[bytes]()
    channel.last = {"sent": 4, "edited": 2, "deleted": 1, "reaction": 0, "conversation": 1}
    dee = Subscriber(TENANT, "dee", heard.append)
    channel.add(dee)
    return channel, dee, heard


def test_returning_session_goes_on_behind_what_it_received_while_it_left() -> None:
    channel, dee, heard = opened(Interval(1))
    channel.set_view(view(2, Interval(1, 4, ended_n=2)))
    assert dee.left == {ROOM: {"sent": 4}}
    channel.deliver("sent", Sent(5, conversation_n=1))  # by somebody who did not know that dee had left
    channel.deliver("sent", Sent(6, conversation_n=2))
    channel.last["conversation"] = 2
    assert channel.remove_finished()
    assert len(heard) == 1
    assert dee.left == {ROOM: {"sent": 5, "edited": 2, "deleted": 1, "reaction": 0}}


def test_session_that_received_nothing_while_it_left_goes_on_where_it_was() -> None:
    channel, dee, heard = opened(Interval(1))
    channel.set_view(view(2, Interval(1, 4, ended_n=2)))
    channel.deliver("sent", Sent(5, conversation_n=2))
    channel.last["conversation"] = 2
    assert channel.remove_finished()
    assert (heard, dee.left[ROOM]["sent"]) == ([], 4)
