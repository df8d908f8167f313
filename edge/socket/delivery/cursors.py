"""MovedCursors pushes moved cursors to the members of their conversation, collected into one frame a second.

The first one after a quiet time is pushed at once. So if all 200 members of a conversation read, each of them is sent
one or two frames, not 200. In larger conversations the cost would be the square of the members: there cursors are not
pushed, and clients query them.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import msgspec

from core.domain.conversation import Conversation
from core.health import Health
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.keyed_timers import KeyedTimers
from schemas.bounds import CURSOR_MEMBERS
from schemas.wire import frames
from schemas.wire.frames import CURSORS, Push
from schemas.wire.views import CursorsView, CursorView

logger: Final = logging.getLogger("caas.cursors")
PUSH_INTERVAL_S: Final = 1.0
"""Minimum interval between two frames with the cursors of one conversation."""


class _Frame(msgspec.Struct, frozen=True):
    data: CursorsView


_decode: Final = msgspec.json.Decoder(_Frame).decode


def cursors_in(push: Push) -> list[CursorView]:
    """Return the cursors of a push in the lane of cursors; none if it cannot be decoded."""
    try:
        return _decode(push.frame).data.cursors
    except msgspec.DecodeError as error:
        logger.warning("cursors cannot be decoded: %s", error)
        return []


@dataclass(slots=True)
class _Pending:
    """The cursors of one conversation that moved since `at`, the loop time of the last frame pushed."""

    channel: ConversationChannel
    moved: dict[str, CursorView] = field(default_factory=dict)
    at: float = float("-inf")


class MovedCursors:
    """Pushes the moved cursors of one node's conversations; `run` runs as long as the node."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._pending: dict[str, _Pending] = {}
        self._timers: KeyedTimers[str] = KeyedTimers()

    def deliver(self, push: Push, channel: ConversationChannel | None) -> None:
        """Push the cursors of a push to the sessions of this node within a second. Never raises."""
        if channel is None:
            self._health.count("push_unwanted")
        elif pushes_cursors(channel.view):
            self._collect(push, channel)

    def _collect(self, push: Push, channel: ConversationChannel) -> None:
        pending = self._pending.setdefault(channel.id, _Pending(channel))
        pending.channel = channel
        for cursor in cursors_in(push):
            before = pending.moved.get(cursor.user_id, cursor)
            pending.moved[cursor.user_id] = _furthest(before, cursor)
        self._timers.at(channel.id, max(asyncio.get_running_loop().time(), pending.at + PUSH_INTERVAL_S))

    async def run(self) -> None:
        """Push the collected cursors, without end."""
        while True:
            for key in await self._timers.due():
                self._end_interval(key)
                await asyncio.sleep(0)

    def _end_interval(self, key: str) -> None:
        """Push the cursors of an interval that is over; forget the conversation if none moved."""
        pending, now = self._pending[key], asyncio.get_running_loop().time()
        if now >= pending.at + PUSH_INTERVAL_S:
            if not pending.moved:
                del self._pending[key]
                return
            moved, pending.moved = pending.moved, {}
            pending.at = now
            self._push(pending.channel, list(moved.values()))
        self._timers.at(key, pending.at + PUSH_INTERVAL_S)

    def _push(self, channel: ConversationChannel, moved: list[CursorView]) -> None:
        """Push one frame to the present members, with their cursors only; a frame with a single cursor is not sent to
        its own user.
        """
        view = channel.view
        cursors = [cursor for cursor in moved if view.is_member(cursor.user_id)]
        if not cursors or not pushes_cursors(view):
            return
        frame = frames.push(CURSORS, CursorsView(conversation_id=channel.id, cursors=cursors))
        single = cursors[0].user_id if len(cursors) == 1 else ""
        subscribers = [
            subscriber
            for subscriber in channel.subscribers
            if subscriber.user_id != single and view.is_member(subscriber.user_id)
        ]
        for subscriber in subscribers:
            subscriber.push(frame)
        self._health.count("cursors_pushed", len(subscribers))


def pushes_cursors(view: Conversation) -> bool:
    """Return whether cursors are pushed in a conversation: it has at most `CURSOR_MEMBERS` present members."""
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
