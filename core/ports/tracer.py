"""Tracer is told the steps of a request as they end, for a system that collects spans; most processes have none."""

from asyncio import Future
from collections.abc import Sequence
from typing import Final, Protocol

from core.ports.event_log import Received
from schemas.envelope import Record
from schemas.wire.frames import Push


class Tracer(Protocol):
    """Reports those steps whose trace context says that it is sampled (`schemas.trace_context`). No method waits for
    anything or raises. Times are those of `time.perf_counter`, in seconds. No report has content, or names anybody.
    """

    def begin(self, correlation_id: str, caller: str) -> str:
        """Return the context that a request's records continue; `caller` is the context that came with it, or empty.
        Where nothing is collected that is its own.
        """
        ...

    def answered(self, name: str, context: str, caller: str, began: float, outcome: str) -> None:
        """Report a request of this name: what `begin` returned and was given, when it came, and `ok` or the code of
        its error.
        """
        ...

    def appended(self, record: Record, cause: str, future: Future[int]) -> None:
        """Report an append, when its future is done; `cause` is the context that the record continues."""
        ...

    def derived(self, records: Sequence[Record], began: float) -> None:
        """Report records that a processor has appended, now durable. Each was caused by the one that it names."""
        ...

    def processed(self, processor: str, received: Sequence[Received], began: float) -> None:
        """Report a batch that a processor has saved and whose pushes it has sent."""
        ...

    def delivered(self, push: Push, sessions: int) -> None:
        """Report that a push was handed to this number of sessions."""
        ...


class Untraced:
    """The tracer of a process that collects no spans: what a caller began goes on, and nothing is reported."""

    def begin(self, correlation_id: str, caller: str) -> str:  # noqa: ARG002 - only who samples makes a span
        """Return the caller's context."""
        return caller

    def answered(self, name: str, context: str, caller: str, began: float, outcome: str) -> None:
        """Do nothing."""

    def appended(self, record: Record, cause: str, future: Future[int]) -> None:
        """Do nothing."""

    def derived(self, records: Sequence[Record], began: float) -> None:
        """Do nothing."""

    def processed(self, processor: str, received: Sequence[Received], began: float) -> None:
        """Do nothing."""

    def delivered(self, push: Push, sessions: int) -> None:
        """Do nothing."""


UNTRACED: Final = Untraced()
