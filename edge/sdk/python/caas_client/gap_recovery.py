"""A hole in a lane, or a line that came back, is healed by a sync: one at a time, and not before a late push had time.

Pushes of one conversation come over more than one way, so one may overtake another by some milliseconds.
A client that brings no positions begins with a sync that returns only the positions of all its lanes.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from .lane_positions import LanePositions
from .language.bounds import FRAME_BYTES
from .language.wire.errors import Problem, problem
from .language.wire.frames import USER
from .sync_parts import Part, begin
from .wire import Event, Frame

GRACE_S: Final = 0.2
LONGEST_S: Final = 5.0
PREFIX: Final = "sync-"


class GapRecovery:
    """Asks syncs through `send`, part after part, and says what they release.

    `beginning` until the client knows where it stands.
    """

    def __init__(self, positions: LanePositions, send: Callable[[bytes], None], *, beginning: bool) -> None:
        self.beginning = beginning
        self._positions = positions
        self._send = send
        self._frame_limit = FRAME_BYTES
        self._asked: str | None = None
        self._asked_at = 0.0
        self._part = Part()
        self._left: Part | None = None
        """What is still to be asked of this round."""
        self._catching_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._pause = GRACE_S
        self.syncs = 0

    @property
    def settled(self) -> bool:
        """Whether all that was missed before this line has been passed on."""
        return not self._catching_up and not self.beginning

    def late(self, before: float) -> bool:
        """Whether a sync was asked before this time, and has no answer."""
        return self._asked is not None and self._asked_at < before

    def came_back(self, frame_limit: int = FRAME_BYTES) -> Iterable[Event]:
        """A new line, which takes frames of so many bytes: ask what the old one missed, or where to begin."""
        self._frame_limit = frame_limit
        self._catching_up = not self.beginning
        return self._ask(Part())

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
            return self._failed(frame.error)
        return self._synced(frame.data)

    def _synced(self, answer: dict[str, Any]) -> Iterable[Event]:
        wrong = self._positions.known().intersection(answer.get("reset", ()))
        vector = {key: lanes for key, lanes in answer["positions"].items() if key not in wrong}
        if self._part.user and USER not in wrong and answer.get("user") is not None:
            vector[USER] = {USER: answer["user"]}
        before = self._positions.vector()
        released = self._positions.synced(vector, complete=answer["complete"] and not wrong, covered=self._part.covers)
        if wrong:
            return [*released, *self._forgotten(wrong)]
        if answer["complete"]:
            return [*released, *(self._done() if self._left is None else self._ask(self._left))]
        if self._positions.vector() == before:
            return [*released, *self._start_over({"complete": False, "positions": answer["positions"]})]
        if self.beginning and answer["positions"]:
            return [*released, *self._ask_from(max(answer["positions"]), user=False)]
        return [*released, *self._ask_from(self._part.after, user=self._part.user)]

    def _done(self) -> Iterable[Event]:
        """The round is over; what is held still, or came meanwhile, is asked for in another."""
        self.beginning = self._catching_up = False
        self._pause = GRACE_S if not self._positions.holes else min(self._pause * 2, LONGEST_S)
        if self._positions.holes:
            self._later()
        return ()

    def _failed(self, error: Problem) -> Iterable[Event]:
        self._positions.unanswered()
        if not error.retry:
            return self._start_over(None, error)
        self._pause = min(self._pause * 2, LONGEST_S)
        self._later((error.retry_after_ms or 0) / 1000)
        return ()

    def _forgotten(self, keys: set[str]) -> list[Event]:
        """These positions say more than there is, as after a restore: the client asks anew from their beginning."""
        self._positions.reset(keys)
        self._catching_up = True
        return [Event("reset", {"reset": sorted(keys)}), *self._ask_from(self._part.after, user=self._part.user)]

    def _start_over(self, answer: Any, error: Problem | None = None) -> list[Event]:
        """The node asked to start over: the application loads again what it shows."""
        self.beginning = self._catching_up = False
        return [Event("reset", answer, error=error), *self._positions.forget()]

    def _later(self, at_least: float = 0.0) -> None:
        if self._timer is None and self._asked is None:
            self._timer = asyncio.get_running_loop().call_later(max(self._pause, at_least), self._due)

    def _due(self) -> None:
        self._timer = None
        if self._positions.holes or self._catching_up or self.beginning:
            self._ask(Part())

    def _ask_from(self, after: str | None, *, user: bool) -> Iterable[Event]:
        """The same part, or what of it is beyond this id, from where it stands now; and then what is left."""
        upto = self._part.upto if self._left is None else self._left.upto
        return self._ask(Part(after, upto, user))

    def _ask(self, left: Part) -> Iterable[Event]:
        """Ask the next part of what is left; where only holes are to be healed, the next that has one."""
        self._cancel()
        rest: Part | None = left
        whole = self._catching_up or self.beginning
        while rest is not None:
            frame_id = f"{PREFIX}{self.syncs + 1}"
            part, frame, rest = begin(rest, self._positions, frame_id, self._frame_limit, tell=not self.beginning)
            if not whole and not self._positions.holds(part.covers):
                continue
            if len(frame) > self._frame_limit:
                return self._start_over(None, problem("too_large", f"{len(frame)} bytes of positions"))
            self.syncs += 1
            self._asked, self._part, self._left = frame_id, part, rest
            self._asked_at = time.monotonic()
            self._positions.asked(catching_up=self._catching_up)
            self._send(frame)
            return ()
        return self._done()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
