"""Commands go out in the order asked, so many at a time, and one that must be repeated holds back its conversation."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from edge.client.wire import CommandError
from schemas.errors import problem

IN_FLIGHT: Final = 64
WAITING: Final = 10_000


@dataclass(slots=True, eq=False)
class Pending:
    """A command that has no answer yet. `id` grows in the order asked; `paused` while it waits to be repeated.

    `since` is when the first error came that is worth a repeat, in monotonic seconds.
    """

    id: int
    type: str
    data: dict[str, Any]
    correlation_id: str
    retry: bool
    answer: asyncio.Future[dict[str, Any]]
    since: float | None = None
    failures: int = 0
    paused: bool = False

    @property
    def key(self) -> str | int:
        """What is kept in order: the conversation, or nothing else than itself."""
        return self.data.get("conversation_id") or self.id


class Pipeline:
    """The commands of one client; at most `limit` of them are on the line, and at most `most` in all.

    A command whose answer nobody waits for any more is forgotten, unless it is on the line: then its slot is free when
    the node has answered.
    """

    def __init__(self, limit: int = IN_FLIGHT, most: int = WAITING) -> None:
        self.limit = limit
        self.most = most
        self._waiting: deque[Pending] = deque()
        self._flying: dict[int, Pending] = {}
        self._first: dict[str | int, Pending] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._flying)

    def ask(self, pending: Pending) -> None:
        """Take a command in, behind those asked before. Raises `CommandError` where `most` have no answer yet."""
        if len(self) >= self.most:
            self._waiting = deque(waiting for waiting in self._waiting if not waiting.answer.done())
        if len(self) >= self.most:
            raise CommandError(problem("unavailable", f"{len(self)} commands wait for their answers already"))
        self._waiting.append(pending)

    def next(self) -> Pending | None:
        """The next command that may go out now; it counts as on the line. None where there is none."""
        if len(self._flying) >= self.limit:
            return None
        self._forget()
        held_back: list[Pending] = []
        found = None
        while self._waiting and found is None:
            pending = self._waiting.popleft()
            if pending.answer.done():
                continue
            if pending.paused or self._first.get(pending.key, pending) is not pending:
                held_back.append(pending)
            else:
                found = self._flying[pending.id] = pending
        self._waiting.extendleft(reversed(held_back))
        return found

    def answered(self, frame_id: int | str | None) -> Pending | None:
        """The command that this reply answers; its conversation goes on."""
        pending = self._flying.pop(frame_id, None) if isinstance(frame_id, int) else None
        if pending is not None:
            self._let_go(pending)
        return pending

    def again(self, frame_id: int | str | None) -> Pending | None:
        """The command this reply wants repeated, paused: later ones of its conversation now wait for it."""
        pending = self._flying.pop(frame_id, None) if isinstance(frame_id, int) else None
        if pending is None:
            return None
        pending.retry = pending.paused = True
        pending.failures += 1
        first = self._first.get(pending.key)
        if first is None or first.id > pending.id:
            self._first[pending.key] = pending
        self._put_back([pending])
        return pending

    def lost(self) -> None:
        """The line broke: what was on it goes out again first, in order, as a repeat."""
        for pending in self._flying.values():
            pending.retry = True
        self._put_back(self._flying.values())
        self._flying = {}

    def fail(self, error: Exception) -> None:
        """Nothing will be answered any more."""
        self.lost()
        for pending in self._waiting:
            if not pending.answer.done():
                pending.answer.set_exception(error)
        self._waiting.clear()

    def _put_back(self, pendings: Iterable[Pending]) -> None:
        self._waiting = deque(sorted([*pendings, *self._waiting], key=lambda pending: pending.id))

    def _let_go(self, pending: Pending) -> None:
        if self._first.get(pending.key) is pending:
            del self._first[pending.key]
            for other in self._waiting:
                if other.failures and other.key == pending.key and not other.answer.done():
                    self._first[pending.key] = other
                    break

    def _forget(self) -> None:
        """A conversation is not held back by a command nobody waits for."""
        for pending in [first for first in self._first.values() if first.answer.done()]:
            self._let_go(pending)
