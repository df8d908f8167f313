"""TypingService announces who types where to the other members: its begin and its end, at most once a second, unstored.

Typing ends by itself after `SHOWN_S`. A client that goes on typing reports it every few seconds: it is announced again
after `REPEAT_INTERVAL_S`, before the others show it as ended. When the view of a node shows that a user left the
conversation, that node announces the end by itself.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from core.health import Health
from core.ports.effects import Effects, Emitter
from core.ports.event_log import Unavailable
from core.ports.presence_store import PresenceStore
from edge.socket.channels.conversation_channel import ConversationChannel
from edge.socket.keyed_timers import KeyedTimers
from schemas.wire import frames
from schemas.wire.frames import TYPING, Push
from schemas.wire.views import TypingView

logger: Final = logging.getLogger("caas.typing")
SHOWN_S: Final = 8.0
"""Time for which clients show a user as typing."""
REPEAT_INTERVAL_S: Final = 5.0
"""Interval after which a user who goes on typing is announced again."""
MIN_INTERVAL_S: Final = 1.0
"""Minimum interval between two announcements of one user in one conversation."""
MAX_TYPING: Final = 10_000
"""Maximum number of users of one node who type at a time; others are not announced."""
BATCH_SIZE: Final = 250


@dataclass(frozen=True, slots=True)
class _Frame:
    data: TypingView


_read: Final = msgspec.json.Decoder(_Frame)

Key = tuple[str, str]
"""A conversation and the user who types there: a conversation belongs to one tenant."""


@dataclass(slots=True)
class _Typist:
    """Whether a user types, and what was announced when, on the loop's clock; None: unknown, or long ago."""

    types: bool = False
    announced: bool | None = None
    announced_at: float = float("-inf")


class TypingService:
    """The users of one node who type; `announce_changes` runs as long as the node. The caller checks membership."""

    def __init__(self, people: PresenceStore, emitter: Emitter, health: Health) -> None:
        self._people = people
        self._emitter = emitter
        self._health = health
        self._typists: dict[Key, _Typist] = {}
        self._shown: dict[Key, float] = {}
        """The users who are shown here as typing, and until when; the first to end comes first."""
        self._timers: KeyedTimers[Key] = KeyedTimers()

    def report(self, conversation_id: str, user_id: str, *, types: bool) -> None:
        """Note that a user begins to type, goes on, or ends."""
        key, now = (conversation_id, user_id), asyncio.get_running_loop().time()
        typist = self._typists.get(key)
        if typist is None:
            if len(self._typists) >= MAX_TYPING:
                self._health.count("typing_dropped")
                return
            typist = self._typists[key] = _Typist()
        typist.types = types
        if now >= typist.announced_at + REPEAT_INTERVAL_S:
            typist.announced = None
        if types != typist.announced:
            self._timers.at(key, max(now, typist.announced_at + MIN_INTERVAL_S))

    def deliver(self, push: Push, channel: ConversationChannel | None) -> None:
        """Send a push to the other members' sessions here, unless its user has left the conversation."""
        if channel is None or not channel.view.is_member(push.by):
            self._health.count("push_unwanted")
            return
        self._note((push.conversation_id, push.by), types=_read.decode(push.frame).data.typing)
        self._show(push.frame, push.by, channel)

    def member_left(self, conversation_id: str, user_id: str, channel: ConversationChannel | None) -> None:
        """End the typing of a user who left a conversation, also for the sessions here that show it."""
        key = (conversation_id, user_id)
        if key in self._typists:
            self.report(conversation_id, user_id, types=False)
        until = self._shown.pop(key, 0.0)
        if channel is not None and until > asyncio.get_running_loop().time():
            self._show(_push(key, types=False).frame, user_id, channel)

    def _note(self, key: Key, *, types: bool) -> None:
        now = asyncio.get_running_loop().time()
        self._shown.pop(key, None)
        while self._shown and self._shown[first := next(iter(self._shown))] <= now:
            del self._shown[first]
        if types:
            self._shown[key] = now + SHOWN_S

    def _show(self, frame: bytes, by: str, channel: ConversationChannel) -> None:
        others = [one for one in channel.subscribers if one.user_id != by and channel.view.is_member(one.user_id)]
        for subscriber in others:
            subscriber.push(frame)
        self._health.count("typing_told", len(others))

    async def announce_changes(self) -> None:
        """Announce changes until it is cancelled."""
        while True:
            keys = await self._timers.due()
            changed = [key for key in keys if self._changed(key)]
            for start in range(0, len(changed), BATCH_SIZE):
                await self._announce(changed[start : start + BATCH_SIZE])

    def _changed(self, key: Key) -> bool:
        """Return whether this must be announced; a user who has reported nothing for a while is removed."""
        typist, now = self._typists[key], asyncio.get_running_loop().time()
        if typist.types != typist.announced:
            typist.announced_at = now
            return True
        if now >= typist.announced_at + SHOWN_S:
            del self._typists[key]
        else:
            self._timers.at(key, typist.announced_at + SHOWN_S)
        return False

    async def _announce(self, keys: Sequence[Key]) -> None:
        began = [key for key in keys if self._typists[key].types]
        ended = [key for key in keys if not self._typists[key].types]
        try:
            news = await self._people.typing(
                list(map(_name, began)), list(map(_name, ended)), again_s=REPEAT_INTERVAL_S, ttl_s=SHOWN_S
            )
        except Unavailable as error:
            self._health.count("typing_dropped", len(keys))
            logger.debug("typing is not announced: %s", error)
            news = frozenset()
        announced = dict.fromkeys(began, True) | dict.fromkeys(ended, False)
        self._note_announced(announced, news)
        await self._emitter.emit(Effects(hints=[_push(key, announced[key]) for key in announced if _name(key) in news]))

    def _note_announced(self, announced: Mapping[Key, bool], news: frozenset[str]) -> None:
        """Note announcements; one that was no news, such as after another node's, is repeated soon."""
        now = asyncio.get_running_loop().time()
        for key, types in announced.items():
            typist = self._typists[key]
            typist.announced, typist.announced_at = (
                types,
                now if _name(key) in news else now - REPEAT_INTERVAL_S + MIN_INTERVAL_S,
            )
            self._timers.at(key, now + MIN_INTERVAL_S if typist.types != types else typist.announced_at + SHOWN_S)


def _name(key: Key) -> str:
    return ":".join(key)


def _push(key: Key, types: bool) -> Push:
    conversation_id, user_id = key
    view = TypingView(
        conversation_id=conversation_id, user_id=user_id, typing=types, ttl_ms=int(SHOWN_S * 1000) if types else 0
    )
    frame = frames.push(TYPING, view)
    return Push(model="", generation=0, conversation_id=conversation_id, frame=frame, lane=TYPING, by=user_id)
