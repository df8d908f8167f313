"""What a processor does to the world after it saved: a live one does, a replay has none, by type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.envelope import Record
from schemas.wire.frames import Push


@dataclass(frozen=True, slots=True)
class Effects:
    """What one batch does: `logged` must get into the log, `hints` get one try."""

    logged: Sequence[Record] = ()
    hints: Sequence[Push] = ()


class Emitter(Protocol):
    """Carries effects out. `logged` records are retried until they are durable; hints are tried once, within 200 ms,
    and counted when they fail. Ids are derived, so emitting twice is harmless.
    """

    async def emit(self, effects: Effects) -> None:
        """Carry out what one batch does, in order per conversation."""
        ...


class Silent:
    """No effects: what a replay is given."""

    async def emit(self, effects: Effects) -> None:
        """Do nothing."""
