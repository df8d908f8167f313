"""Who is typing where: told to the other members when it begins and when it ends, at most once a second, never kept.

That somebody types is over by itself after `SHOWN_S`. Whoever goes on typing says so every few seconds: that is news
again after `AGAIN_S`, before the others take it for over. Of who is no longer in the conversation each node says by
itself that they type no longer, as soon as its view says that they are out.
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
from edge.socket.channels.channel import Channel
from edge.socket.keyed_timers import KeyedTimers
from schemas.wire import frames
from schemas.wire.frames import TYPING, Push
from schemas.wire.views import TypingView

logger: Final = logging.getLogger("caas.typing")
SHOWN_S: Final = 8.0
AGAIN_S: Final = 5.0
APART_S: Final = 1.0
MOST: Final = 10_000
"""So many type at once on one node; of more nobody is told."""
AT_ONCE: Final = 250


@dataclass(frozen=True, slots=True)
class _Frame:
    data: TypingView


_read: Final = msgspec.json.Decoder(_Frame)

Key = tuple[str, str]
"""A conversation and who types there: conversations are of one tenant alone."""


@dataclass(slots=True)
class _Typist:
    """Whether they type, and what was told of it, when, on the loop's clock; None: it is not known, or long ago."""

    types: bool = False
    told: bool | None = None
    at: float = float("-inf")


class TypingService:
    """The typists of one node; `turns` runs as long as the node. The caller knows that they are members."""

    def __init__(self, people: PresenceStore, emitter: Emitter, health: Health) -> None:
        self._people = people
        self._emitter = emitter
        self._health = health
        self._typists: dict[Key, _Typist] = {}
        self._shown: dict[Key, float] = {}
        """Who is shown here as typing, and until when; the first to end first."""
        self._alarms: KeyedTimers[Key] = KeyedTimers()

    def says(self, conversation_id: str, user_id: str, *, types: bool) -> None:
        """Somebody begins to type, goes on, or ends."""
        key, now = (conversation_id, user_id), asyncio.get_running_loop().time()
        typist = self._typists.get(key)
        if typist is None:
            if len(self._typists) >= MOST:
                self._health.count("typing_dropped")
                return
            typist = self._typists[key] = _Typist()
        typist.types = types
        if now >= typist.at + AGAIN_S:
            typist.told = None
        if types != typist.told:
            self._alarms.at(key, max(now, typist.at + APART_S))

    def deliver(self, push: Push, channel: Channel | None) -> None:
        """Tell the sessions here of everybody else who is in the conversation, unless the typist is out by now."""
        if channel is None or not channel.view.holds(push.by):
            self._health.count("push_unwanted")
            return
        self._note((push.conversation_id, push.by), types=_read.decode(push.frame).data.typing)
        self._show(push.frame, push.by, channel)

    def left(self, conversation_id: str, user_id: str, channel: Channel | None) -> None:
        """Somebody is out of a conversation: they type there no longer, and those here who saw it are sent so."""
        key = (conversation_id, user_id)
        if key in self._typists:
            self.says(conversation_id, user_id, types=False)
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

    def _show(self, frame: bytes, by: str, channel: Channel) -> None:
        shown = [seat for seat in channel.seats if seat.user_id != by and channel.view.holds(seat.user_id)]
        for seat in shown:
            seat.push(frame)
        self._health.count("typing_told", len(shown))

    async def turns(self) -> None:
        """Tell what has changed, for ever."""
        while True:
            keys = await self._alarms.due()
            changed = [key for key in keys if self._changed(key)]
            for start in range(0, len(changed), AT_ONCE):
                await self._tell(changed[start : start + AT_ONCE])

    def _changed(self, key: Key) -> bool:
        """Whether others must be told; whoever has said nothing for a while is forgotten."""
        typist, now = self._typists[key], asyncio.get_running_loop().time()
        if typist.types != typist.told:
            typist.at = now
            return True
        if now >= typist.at + SHOWN_S:
            del self._typists[key]
        else:
            self._alarms.at(key, typist.at + SHOWN_S)
        return False

    async def _tell(self, keys: Sequence[Key]) -> None:
        began = [key for key in keys if self._typists[key].types]
        ended = [key for key in keys if not self._typists[key].types]
        try:
            news = await self._people.typing(
                list(map(_name, began)), list(map(_name, ended)), again_s=AGAIN_S, ttl_s=SHOWN_S
            )
        except Unavailable as error:
            self._health.count("typing_dropped", len(keys))
            logger.debug("typing is not told: %s", error)
            news = frozenset()
        told = dict.fromkeys(began, True) | dict.fromkeys(ended, False)
        self._told(told, news)
        await self._emitter.emit(Effects(hints=[_push(key, told[key]) for key in told if _name(key) in news]))

    def _told(self, told: Mapping[Key, bool], news: frozenset[str]) -> None:
        """Where it was no news, such as after another node had told it, one who goes on is asked about again soon."""
        now = asyncio.get_running_loop().time()
        for key, types in told.items():
            typist = self._typists[key]
            typist.told, typist.at = types, now if _name(key) in news else now - AGAIN_S + APART_S
            self._alarms.at(key, now + APART_S if typist.types != types else typist.at + SHOWN_S)


def _name(key: Key) -> str:
    return ":".join(key)


def _push(key: Key, types: bool) -> Push:
    conversation_id, user_id = key
    view = TypingView(
        conversation_id=conversation_id, user_id=user_id, typing=types, ttl_ms=int(SHOWN_S * 1000) if types else 0
    )
    frame = frames.push(TYPING, view)
    return Push(model="", generation=0, conversation_id=conversation_id, frame=frame, lane=TYPING, by=user_id)
