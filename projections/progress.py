"""How far the live read models have come in the log: what passes a position has everything before it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from core.ports.documents import Documents
from core.ports.event_log import EventLog
from core.ports.memberships import NotReady
from core.positions import position
from projections.generations import Generations
from schemas.topics import Partition

PROOF_S: Final = 2.0
POLL_S: Final = 0.01


class Progress:
    """Looks at the checkpoints of the generations that are live, whichever these are by then."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._log = log

    async def refresh(self) -> None:
        """Look which generations are live now. Raises `Unavailable`."""
        await self._generations.refresh()

    async def ends(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """The positions behind everything that is in these partitions now; empty ones are left out. Raises
        `Unavailable`.
        """
        ends = await self._log.ends(places)
        return {at: position(self._log.epoch, end) for at, end in ends.items() if end}

    async def pass_ends(self, model: str, places: Iterable[Partition]) -> None:
        """Return when the model has passed everything that is in these partitions now. Raises as `pass_by`."""
        await self.pass_by(model, await self.ends(places))

    async def pass_by(self, model: str, goals: Mapping[Partition, int]) -> None:
        """Return when the model's checkpoints stand at these positions or beyond, in each of these partitions.

        Raises `NotReady` after 2 s, and `Unavailable`.
        """
        try:
            async with asyncio.timeout(PROOF_S):
                while await self.behind(model, goals):  # noqa: ASYNC110 - the checkpoint moves in another process
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise NotReady(f"the {model} read model is more than {PROOF_S:.0f} s behind the log") from None

    async def behind(self, model: str, goals: Mapping[Partition, int]) -> dict[Partition, int]:
        """Where the model's checkpoints stand that are before these positions. Raises `Unavailable`."""
        checkpoints = await self._documents.checkpoints(model, self._generations.live(model))
        return {at: checkpoints.get(at, -1) for at, goal in goals.items() if checkpoints.get(at, -1) < goal}
