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


class Emitter(Protocol):
    """Emits effects. `logged` records are retried until they are durable; `hints` are tried once, within 200 ms,
    and counted when they fail. Ids are derived, so emitting twice is harmless.
    """

    async def emit(self, effects: Effects) -> None:
        """Emit the effects of one batch, in order per conversation."""
        ...


class Silent:
    """An emitter that emits nothing, for replays."""

    async def emit(self, effects: Effects) -> None:
        """Do nothing."""
