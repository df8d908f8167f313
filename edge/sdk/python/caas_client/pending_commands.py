"""Commands and their answers: what was not answered, or whose error says `retry`, is asked again under its keys."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from . import wire
from .backoff import pause_after
from .errors_without_id import ErrorsWithoutId
from .json_cleaning import sendable
from .language.bounds import FRAME_BYTES
from .language.wire.errors import Problem, problem
from .pipeline import Pending, Pipeline
from .wire import CommandError, Frame, Refused

LONGEST_RETRY_S: Final = 5.0

Answer = asyncio.Future[dict[str, Any]]


def untraced() -> None:
    """The trace context of an application that traces nothing: none."""


class PendingCommands:
    """The commands of one client. `wake` is called when `frame` may have one more; `patience` in seconds; `traceparent`
    returns the trace context of what is asked now, or nothing.

    `over` is why nothing will be answered any more.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        *,
        patience: float,
        most: int,
        traceparent: Callable[[], str | None] = untraced,
    ) -> None:
        self._wake = wake
        self._traceparent = traceparent
        self._patience = patience
        self._pipeline = Pipeline(most=most)
        self._frame_limit = FRAME_BYTES
        self._last_id = 0
        self._nameless = ErrorsWithoutId()
        self.over: Refused | None = None

    def __len__(self) -> int:
        return len(self._pipeline)

    def ask(self, kind: str, data: dict[str, Any], *, retry: bool = False, correlation_id: str | None = None) -> Answer:
        """What the node will answer. Whoever cancels it takes the command back, unless it is on the line.

        What no node could read is answered by a `CommandError` at once. Raises `CommandError` where too many wait
        already, `Refused` once nothing will be answered any more.
        """
        if self.over is not None:
            raise self.over
        answer: Answer = asyncio.get_running_loop().create_future()
        try:
            data = sendable(data)
        except CommandError as unfit:
            answer.set_exception(unfit)
            return answer
        named = correlation_id or str(uuid.uuid4())
        pending = Pending(self._last_id + 1, kind, data, named, retry, answer, self._traceparent())
        self._pipeline.ask(pending)
        self._last_id += 1
        answer.add_done_callback(self._taken_back)
        self._wake()
        return answer

    def opened(self, in_flight: int, frame_limit: int) -> int:
        """A line came about, which takes so many commands at once and frames of so many bytes, and all commands from
        now on; its number.
        """
        self._pipeline.limit = in_flight
        self._frame_limit = frame_limit
        self._pipeline.line += 1
        self._wake()
        return self._pipeline.line

    def frame(self) -> bytes | None:
        """The next command's frame, which is on the line from now on; None where there is none."""
        while (pending := self._pipeline.next()) is not None:
            if (frame := self._frame(pending)) is not None:
                pending.sent = time.monotonic()
                return frame
        return None

    def answered(self, frame: Frame) -> None:
        """Settle the command that this frame answers, or put it back to be repeated."""
        error = frame.error
        if error is not None and error.retry and (pending := self._pipeline.again(frame.id)) is not None:
            now = time.monotonic()
            pending.since = now if pending.since is None else pending.since
            if now - pending.since < self._patience:
                pause = pause_after(pending.failures - 1, longest=LONGEST_RETRY_S)
                pause = max(pause, (error.retry_after_ms or 0) / 1000)
                asyncio.get_running_loop().call_later(pause, self._resume, pending)
                return
            _fail(pending, CommandError(error, frame.correlation_id))
        elif (pending := self._pipeline.answered(frame.id)) is not None:
            if error is not None:
                _fail(pending, CommandError(error, frame.correlation_id))
            elif not pending.answer.done():
                pending.answer.set_result(frame.data)
        if isinstance(frame.id, int):
            self._nameless.answered(frame.id)
            self._fail_the_nameless()
        self._wake()

    def nameless(self, error: Problem) -> bool:
        """An error without an id: the command that it was about fails once the others have their answers. False where
        no command is on the line.
        """
        came = self._nameless.came(error, (pending.id for pending in self._pipeline.flying(self._pipeline.line)))
        self._fail_the_nameless()
        return came

    def late(self, before: float) -> bool:
        """Whether a command went out before this time and has no answer: then its line is of no use. One that no line
        answered for as long as errors are repeated fails as `outcome_unknown`.
        """
        late = [pending for pending in self._pipeline.flying(self._pipeline.line) if pending.sent < before]
        for pending in late:
            pending.since = pending.sent if pending.since is None else pending.since
            if time.monotonic() - pending.since >= self._patience:
                self._pipeline.answered(pending.id)
                _fail(pending, CommandError(problem("outcome_unknown", "no answer has come")))
        return bool(late)

    def received(self, correlation_id: str) -> None:
        """A push has come of the command with this id."""
        if self._pipeline.received(correlation_id):
            self._wake()

    def due(self, line: int) -> int:
        """How many answers are due on this line."""
        return len(self._pipeline.flying(line))

    def lost(self, line: int) -> None:
        """This line is gone: what was on it goes first on the next, as a repeat."""
        if line == self._pipeline.line:
            self._nameless.forget()
        self._pipeline.lost(line)
        self._wake()

    def end(self, no: Refused) -> None:
        """There will be no line any more."""
        self.over = no
        self._pipeline.fail(no)

    def _frame(self, pending: Pending) -> bytes | None:
        """The command's frame; one that no node would take is answered here."""
        try:
            tracing = pending.correlation_id, pending.traceparent
            frame = wire.ask(pending.id, pending.type, pending.data, *tracing, retry=pending.retry)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            wrong = problem("validation_failed", str(error))
        else:
            wrong = problem("too_large", f"{len(frame)} bytes")
            if len(frame) <= self._frame_limit:
                return frame
        self._pipeline.answered(pending.id)
        _fail(pending, CommandError(wrong))
        return None

    def _fail_the_nameless(self) -> None:
        for frame_id, error in self._nameless.found().items():
            if (pending := self._pipeline.answered(frame_id)) is not None:
                _fail(pending, CommandError(error))
        self._wake()

    def _resume(self, pending: Pending) -> None:
        self._pipeline.resume(pending)
        self._wake()

    def _taken_back(self, answer: Answer) -> None:
        if answer.cancelled():
            self._wake()


def _fail(pending: Pending, error: CommandError) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)
