"""Effects are what a processor emits after a save; a replay emits nothing, by its type."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.envelope import Record
from schemas.wire.frames import Push


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one batch: `logged` must get into the log, `hints` are best-effort pushes, tried once."""

    logged: Sequence[Record] = ()
    hints: Sequence[Push] = ()


Durable = Callable[[], Awaitable[None]]
"""Returns when logged effects are durable; appends that fail are repeated. It is called once."""


class Emitter(Protocol):
    """Emits effects. `logged` records are retried until they are durable; `hints` are tried once, within 200 ms,
    and counted when they fail. Ids are derived, so emitting twice is harmless.
    """

    async def begin(self, effects: Effects) -> Durable:
        """Begin to append what is logged, and send the hints. Effects that are begun later come later, unless an
        append fails.
        """
        ...

    async def emit(self, effects: Effects) -> None:
        """Emit the effects of one batch, in order per conversation."""
        ...


async def already_durable() -> None:
    """Return at once: nothing was logged, or it is durable already."""


class Silent:
    """An emitter that emits nothing, for replays."""

    async def begin(self, effects: Effects) -> Durable:  # noqa: ARG002 - nothing is emitted
        """Do nothing."""
        return already_durable

    async def emit(self, effects: Effects) -> None:
        """Do nothing."""
