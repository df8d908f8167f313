"""Commands go out in the order asked, so many at a time, and of one conversation one after the other.

Then the order of a conversation holds whichever of its commands must be repeated.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

from .command_order import order_of
from .language.wire.errors import problem
from .wire import CommandError

IN_FLIGHT: Final = 64
WAITING: Final = 10_000


@dataclass(slots=True, eq=False)
class Pending:
    """A command that has no answer yet. `id` grows in the order asked; `key` names the order that it is in.

    `since` is when the first error came that is worth a repeat, `sent` when it went out last, in monotonic seconds;
    `line` is the line that it went out on last.
    """

    id: int
    type: str
    data: dict[str, Any]
    correlation_id: str
    retry: bool
    answer: asyncio.Future[dict[str, Any]]
    traceparent: str | None = None
    since: float | None = None
    failures: int = 0
    line: int = 0
    sent: float = 0.0
    key: str | int = field(init=False)

    def __post_init__(self) -> None:
        self.key = order_of(self.type, self.data) or self.id

    @property
    def waits_for_more(self) -> bool:
        """Whether its answer comes later than its acceptance."""
        return bool(self.data.get("wait_for", "accepted") != "accepted")


class Pipeline:
    """The commands of one client; at most `limit` of them are on the line, and at most `most` in all.

    A command whose answer nobody waits for any more is forgotten, unless it is on the line: then its slot is free when
    the node has answered.
    """

    def __init__(self, limit: int = IN_FLIGHT, most: int = WAITING) -> None:
        self.limit = limit
        self.most = most
        self.line = 0
        self._size = 0
        self._rows: dict[str | int, deque[Pending]] = {}
        """By key, in order; only the first of a row can be ready, on the line or paused."""
        self._ready: list[tuple[int, Pending]] = []
        self._flying: dict[int, Pending] = {}
        self._paused: dict[int, Pending] = {}
        self._slow: dict[str, Pending] = {}

    def __len__(self) -> int:
        return self._size

    def ask(self, pending: Pending) -> None:
        """Take a command in, behind those asked before. Raises `CommandError` where `most` have no answer yet."""
        if len(self) >= self.most:
            self._clear()
        if len(self) >= self.most:
            raise CommandError(problem("unavailable", f"{len(self)} commands wait for their answers already"))
        row = self._rows.setdefault(pending.key, deque())
        row.append(pending)
        self._size += 1
        if len(row) == 1:
            heappush(self._ready, (pending.id, pending))

    def next(self) -> Pending | None:
        """The next command that may go out now; it counts as on the line. None where there is none."""
        for paused in [one for one in self._paused.values() if one.answer.done()]:
            self._leave(self._paused.pop(paused.id))
        while self._ready and len(self._flying) < self.limit:
            _, pending = heappop(self._ready)
            if pending.answer.done():
                self._leave(pending)
                continue
            self._flying[pending.id] = pending
            pending.line = self.line
            if pending.waits_for_more:
                self._slow[pending.correlation_id] = pending
            return pending
        return None

    def answered(self, frame_id: int | str | None) -> Pending | None:
        """The command that this reply answers; its conversation goes on."""
        pending = self._landed(frame_id)
        if pending is not None:
            self._leave(pending)
        return pending

    def again(self, frame_id: int | str | None) -> Pending | None:
        """The command this reply wants repeated, and not before `resume`; its conversation waits."""
        pending = self._landed(frame_id)
        if pending is not None:
            pending.retry = True
            pending.failures += 1
            self._paused[pending.id] = pending
        return pending

    def resume(self, pending: Pending) -> None:
        """It may be repeated now."""
        if self._paused.pop(pending.id, None) is not None:
            heappush(self._ready, (pending.id, pending))

    def received(self, correlation_id: str) -> bool:
        """A push has come of the command with this id, so it was accepted: where its answer still waits for more, its
        conversation goes on. Whether it does.
        """
        pending = self._slow.pop(correlation_id, None)
        if pending is not None:
            self._leave(pending)
            pending.key = pending.id
            self._rows[pending.key] = deque((pending,))
            self._size += 1
        return pending is not None

    def flying(self, line: int) -> list[Pending]:
        """Those that are on this line."""
        return [pending for pending in self._flying.values() if pending.line == line]

    def lost(self, line: int | None = None) -> None:
        """This line broke (None: whichever there is): what was on it goes out again first, in order, as a repeat."""
        for pending in [one for one in self._flying.values() if line is None or one.line == line]:
            pending.retry = True
            del self._flying[pending.id]
            self._slow.pop(pending.correlation_id, None)
            heappush(self._ready, (pending.id, pending))

    def fail(self, error: Exception) -> None:
        """Nothing will be answered any more."""
        for row in self._rows.values():
            for pending in row:
                if not pending.answer.done():
                    pending.answer.set_exception(error)
        for held in (self._rows, self._ready, self._flying, self._paused, self._slow):
            held.clear()
        self._size = 0

    def _landed(self, frame_id: int | str | None) -> Pending | None:
        pending = self._flying.pop(frame_id, None) if isinstance(frame_id, int) else None
        if pending is not None:
            self._slow.pop(pending.correlation_id, None)
        return pending

    def _leave(self, pending: Pending) -> None:
        """Done with the first of a row: the next may go out."""
        row = self._rows[pending.key]
        row.popleft()
        self._size -= 1
        if row:
            heappush(self._ready, (row[0].id, row[0]))
        else:
            del self._rows[pending.key]

    def _clear(self) -> None:
        """Forget what nobody waits for and is not on the line."""
        for key, row in list(self._rows.items()):
            kept = deque(one for one in row if not one.answer.done() or one.id in self._flying)
            self._size -= len(row) - len(kept)
            if kept:
                self._rows[key] = kept
            else:
                del self._rows[key]
        self._paused = {key: one for key, one in self._paused.items() if not one.answer.done()}
        firsts = (row[0] for row in self._rows.values())
        waiting = [one for one in firsts if one.id not in self._flying and one.id not in self._paused]
        self._ready = sorted(((one.id, one) for one in waiting), key=lambda ready: ready[0])
