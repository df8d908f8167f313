"""Effects are what a processor emits after a save; a replay emits nothing, by its type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.envelope import Record
from schemas.wire.frames import Push


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one batch: `logged` must get into the log, `hints` are best-effort pushes, tried once."""

    logged: Sequence[Record] = ()
    hints: Sequence[Push] = ()


class Emission(Protocol):
    """Effects that are being emitted."""

    async def durable(self) -> None:
        """Return when the logged ones are durable; failed appends are repeated. It is called once."""
        ...


class Emitter(Protocol):
    """Emits effects. `logged` records are retried until they are durable; `hints` are tried once, within 200 ms,
    and counted when they fail. Ids are derived, so emitting twice is harmless.
    """

    async def begin(self, effects: Effects) -> Emission:
        """Begin to append what is logged, and send the hints. Effects that are begun later come later, unless an
        append fails.
        """
        ...

    async def emit(self, effects: Effects) -> None:
        """Emit the effects of one batch, in order per conversation."""
        ...


class Emitted:
    """An emission of which nothing is left to do."""

    async def durable(self) -> None:
        """Return at once."""


class Silent:
    """An emitter that emits nothing, for replays."""

    async def begin(self, effects: Effects) -> Emission:  # noqa: ARG002 - nothing is emitted
        """Do nothing."""
        return Emitted()

    async def emit(self, effects: Effects) -> None:
        """Do nothing."""
