"""What holds for one session alone, a presence and whose one listens to, is asked again on each line that follows; so
are the cursors of the conversation that was asked about last, since what moved meanwhile is pushed to nobody.

It goes out before any other command, so one that was on its way already has the last word.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from . import wire
from .backoff import pause_after
from .json_cleaning import sendable
from .language.wire.frames import CURSORS
from .pending_commands import Answer
from .wire import Event, Frame

KINDS: Final = ("presence:set", "presence:subscribe", "conversation:get")
LONGEST_S: Final = 5.0
PREFIX: Final = "session-"


class ReconnectState:
    """What a node accepted last of each kind. Asks through `send`."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._said: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, str] = {}
        """By frame id, which kind."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures = 0
        self._asks = 0

    def remember(self, kind: str, data: dict[str, Any], answer: Answer) -> None:
        """This was asked; once it is accepted, it is what holds."""
        if kind in KINDS:
            answer.add_done_callback(partial(self._accepted, kind, data))

    def came_back(self) -> None:
        """A new line: a session that has said nothing yet."""
        self._failures = 0
        for kind in self._said:
            self._ask(kind)

    def broke(self) -> None:
        """The line is gone, and answers with it."""
        self._asked.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def answered(self, frame: Frame) -> Iterable[Event] | None:
        """How those are whom one listens to, and how far others have read, as events; None where this frame answers
        something else.
        """
        kind = self._asked.pop(frame.id, None) if isinstance(frame.id, str) else None
        if kind is None:
            return None
        if frame.error is None:
            return _events(frame.data)
        if frame.error.retry:
            pause = max(pause_after(self._failures, longest=LONGEST_S), (frame.error.retry_after_ms or 0) / 1000)
            self._failures += 1
            self._timers[kind] = asyncio.get_running_loop().call_later(pause, self._ask, kind)
        else:
            self._said.pop(kind, None)
        return ()

    def _accepted(self, kind: str, data: dict[str, Any], answer: Answer) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._said[kind] = sendable(data)

    def _ask(self, kind: str) -> None:
        self._asks += 1
        frame_id = f"{PREFIX}{self._asks}"
        self._asked[frame_id] = kind
        self._send(wire.ask(frame_id, kind, self._said[kind]))


def _events(data: dict[str, Any]) -> list[Event]:
    """What an answer says is so now."""
    people = [one for one in data.get("participants") or () if one.get("read_seq") is not None]
    cursors = [{name: one[name] for name in ("user_id", "read_seq", "delivered_seq")} for one in people]
    moved = {"conversation_id": data.get("conversation_id"), "cursors": cursors}
    presences = [Event("presence", one) for one in data.get("presences") or ()]
    return [*presences, Event(CURSORS, moved)] if cursors else presences
