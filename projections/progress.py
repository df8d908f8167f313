"""Reports how far the live read models have read the log: one that has passed a position has everything before it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from core.ports.documents import Documents
from core.ports.event_log import EventLog
from core.ports.memberships import NotReady
from core.positions import position
from projections.generations import Generations
from schemas.topics import Partition

CATCH_UP_TIMEOUT_S: Final = 2.0
POLL_INTERVAL_S: Final = 0.01


class Progress:
    """Reads the checkpoints of the generations that are live at each read."""

    def __init__(self, documents: Documents, generations: Generations, log: EventLog) -> None:
        self._documents = documents
        self._generations = generations
        self._log = log

    async def refresh(self) -> None:
        """Read which generations are live now. Raises `Unavailable`."""
        await self._generations.refresh()

    async def end_positions(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """Return the positions after the last record of these partitions; empty partitions are left out.

        Raises `Unavailable`.
        """
        ends = await self._log.end_offsets(places)
        return {at: position(self._log.epoch, end) for at, end in ends.items() if end}

    async def pass_ends(self, model: str, places: Iterable[Partition]) -> None:
        """Wait until the model has passed everything that is in these partitions now. Raises as `pass_by` does."""
        await self.pass_by(model, await self.end_positions(places))

    async def pass_by(self, model: str, goals: Mapping[Partition, int]) -> None:
        """Wait until the model's checkpoints are at or beyond these positions, in each of these partitions.

        Raises `NotReady` after 2 s, and `Unavailable`.
        """
        try:
            async with asyncio.timeout(CATCH_UP_TIMEOUT_S):
                while await self.behind(model, goals):  # noqa: ASYNC110 - the checkpoint moves in another process
                    await asyncio.sleep(POLL_INTERVAL_S)
        except TimeoutError:
            raise NotReady(f"the {model} read model is more than {CATCH_UP_TIMEOUT_S:.0f} s behind the log") from None

    async def passed(self, model: str) -> Mapping[Partition, int]:
        """Return the next position of each partition that the model has read. Raises `Unavailable`."""
        return await self._documents.checkpoints(model, self._generations.live(model))

    async def behind(self, model: str, goals: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the model's checkpoints that are before these positions. Raises `Unavailable`."""
        checkpoints = await self.passed(model)
        return {at: checkpoints.get(at, -1) for at, goal in goals.items() if checkpoints.get(at, -1) < goal}
