"""A hole in a lane, or a line that came back, is healed by a sync: one at a time, and not before a late push had time.

Pushes of one conversation come over more than one way, so one may overtake another by some milliseconds.
A client that brings no positions begins with a sync that tells nothing but where all its lanes stand.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from edge.client import wire
from edge.client.positions import Positions
from edge.client.wire import Event, Frame

GRACE_S: Final = 0.2
LONGEST_S: Final = 5.0
PREFIX: Final = "sync-"


class Healing:
    """Asks syncs through `send` and says what they release; `beginning` until the client knows where it stands."""

    def __init__(self, positions: Positions, send: Callable[[bytes], None], *, beginning: bool) -> None:
        self.beginning = beginning
        self._positions = positions
        self._send = send
        self._asked: str | None = None
        self._catching_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._pause = GRACE_S
        self.syncs = 0

    def came_back(self) -> None:
        """A new line: ask what the old one missed, or where to begin."""
        self._catching_up = not self.beginning
        self._ask()

    def broke(self) -> None:
        """The line is gone, and an answer with it."""
        self._asked = None
        self._positions.unanswered()
        self._cancel()

    def take(self, event: Event) -> Iterable[Event]:
        """What can be passed on now that this push of a lane has come."""
        released = self._positions.take(event)
        if self._positions.holes:
            self._later()
        return released

    def answered(self, frame: Frame) -> Iterable[Event] | None:
        """What the answer to our sync releases; None where the frame is no answer to it."""
        if frame.id is None or frame.id != self._asked:
            return None
        self._asked = None
        if frame.error is not None:
            return self._failed(frame)
        return self._synced(frame)

    def _synced(self, frame: Frame) -> Iterable[Event]:
        self.beginning = False
        complete, before = frame.data["complete"], self._positions.vector()
        released = self._positions.synced(frame.data["positions"], complete=complete)
        if not complete:
            if self._positions.vector() == before:
                return [*released, *self._reset(frame)]
            self._ask()
            return released
        self._catching_up = False
        self._pause = GRACE_S if not self._positions.holes else min(self._pause * 2, LONGEST_S)
        if self._positions.holes:
            self._later()
        return released

    def _failed(self, frame: Frame) -> Iterable[Event]:
        self._positions.unanswered()
        if frame.error is not None and not frame.error.retry:
            return self._reset(frame)
        self._pause = min(self._pause * 2, LONGEST_S)
        self._later()
        return ()

    def _reset(self, frame: Frame) -> list[Event]:
        """Told plainly to start over: the application reads again what it shows."""
        self.beginning = self._catching_up = False
        return [Event("reset", frame.data, error=frame.error), *self._positions.forget()]

    def _later(self) -> None:
        if self._timer is None and self._asked is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._positions.holes or self._catching_up or self.beginning:
            self._ask()

    def _ask(self) -> None:
        self._cancel()
        self.syncs += 1
        self._asked = f"{PREFIX}{self.syncs}"
        self._positions.asked(catching_up=self._catching_up)
        asked: dict[str, Any] = {"positions": self._positions.vector()}
        self._send(wire.ask(self._asked, "sync", asked | ({"tell": False} if self.beginning else {})))

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
