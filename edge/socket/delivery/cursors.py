"""Cursors that moved: pushed to everyone who is in the conversation, gathered into one frame a second for each.

The first of a quiet time is pushed at once. So a room of 200 who all read costs each of them a frame or two, and not
200. In a larger one they would cost the square of its members: there nothing is pushed, and cursors are asked for.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec

from core.domain.conversation import Conversation
from core.health import Health
from edge.socket.channels.channel import Channel
from edge.socket.keyed_timers import KeyedTimers
from schemas.bounds import CURSOR_MEMBERS
from schemas.wire import frames
from schemas.wire.frames import CURSORS, Push
from schemas.wire.views import CursorsView, CursorView

logger: Final = logging.getLogger("caas.cursors")
EVERY_S: Final = 1.0


class _Frame(msgspec.Struct, frozen=True):
    data: CursorsView


_decode: Final = msgspec.json.Decoder(_Frame).decode


def cursors_in(push: Push) -> list[CursorView]:
    """The cursors of a push in the lane of cursors; none of one that cannot be read."""
    try:
        return _decode(push.frame).data.cursors
    except msgspec.DecodeError as error:
        logger.warning("cursors that cannot be read: %s", error)
        return []


@dataclass(slots=True)
class _Gathered:
    """The cursors of one conversation that moved since `at`, when the last frame was pushed, on the loop's clock."""

    channel: Channel
    moved: dict[str, CursorView] = field(default_factory=dict)
    at: float = float("-inf")


class MovedCursors:
    """The cursors of one node's conversations; `turns` runs as long as the node."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._gathered: dict[str, _Gathered] = {}
        self._alarms: KeyedTimers[str] = KeyedTimers()

    def deliver(self, push: Push, channel: Channel | None) -> None:
        """Push these to the sessions here, within a second. Never raises."""
        if channel is None:
            self._health.count("push_unwanted")
        elif shows(channel.view):
            self._gather(push, channel)

    def _gather(self, push: Push, channel: Channel) -> None:
        gathered = self._gathered.setdefault(channel.id, _Gathered(channel))
        gathered.channel = channel
        for cursor in cursors_in(push):
            before = gathered.moved.get(cursor.user_id, cursor)
            gathered.moved[cursor.user_id] = _furthest(before, cursor)
        self._alarms.at(channel.id, max(asyncio.get_running_loop().time(), gathered.at + EVERY_S))

    async def turns(self) -> None:
        """Push what has gathered, permanently."""
        while True:
            for key in await self._alarms.due():
                self._turn(key)
                await asyncio.sleep(0)

    def _turn(self, key: str) -> None:
        """The second of a conversation is over; one in which nothing moved is forgotten."""
        gathered, now = self._gathered[key], asyncio.get_running_loop().time()
        if now >= gathered.at + EVERY_S:
            if not gathered.moved:
                del self._gathered[key]
                return
            moved, gathered.moved = gathered.moved, {}
            gathered.at = now
            self._show(gathered.channel, list(moved.values()))
        self._alarms.at(key, gathered.at + EVERY_S)

    def _show(self, channel: Channel, moved: list[CursorView]) -> None:
        """One frame for all who are in it by now, without the cursors of those who are not; nobody is sent a frame that
        has their own cursor alone.
        """
        view = channel.view
        cursors = [cursor for cursor in moved if view.holds(cursor.user_id)]
        if not cursors or not shows(view):
            return
        frame = frames.push(CURSORS, CursorsView(conversation_id=channel.id, cursors=cursors))
        alone = cursors[0].user_id if len(cursors) == 1 else ""
        seats = [seat for seat in channel.seats if seat.user_id != alone and view.holds(seat.user_id)]
        for seat in seats:
            seat.push(frame)
        self._health.count("cursors_pushed", len(seats))


def shows(view: Conversation) -> bool:
    """Whether cursors are pushed in a conversation: where few enough are in it now."""
    if len(view.members) <= CURSOR_MEMBERS:
        return True
    present = (user for user, member in view.members.items() if member.present)
    return len(list(islice(present, CURSOR_MEMBERS + 1))) <= CURSOR_MEMBERS


def _furthest(one: CursorView, other: CursorView) -> CursorView:
    return CursorView(
        user_id=one.user_id,
        read_seq=max(one.read_seq, other.read_seq),
        delivered_seq=max(one.delivered_seq, other.delivered_seq),
    )
