"""The plain runner: one process reads all partitions of a processor's topics from where it stands, live or bounded.

Where it stands live is not its checkpoint, which says what is saved, but what is acknowledged: saved *and* emitted.
The mark is written once a second and at the end; a crash repeats the effects of that second, under the same ids.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from core.health import Health
from core.patience import patiently
from core.ports.documents import Changes, Checkpoint, Documents
from core.ports.event_log import EventLog
from core.positions import offset_in, position
from schemas.topics import Partition, partitions
from streams.worker import Worker

MARK_S: Final = 1.0


class PlainRunner:
    """Runs one worker. `limit` bounds a batch, in records."""

    def __init__(self, worker: Worker, log: EventLog, documents: Documents, health: Health, limit: int = 500) -> None:
        self._worker = worker
        self._log = log
        self._documents = documents
        self._health = health
        self._limit = limit
        self._marked: dict[Partition, int] = {}

    async def run(self, generation: int) -> None:
        """Work the live records into a generation, for ever; on cancellation the mark is written."""
        await self._worker.begin(generation, self._log.epoch)
        start = await self._start()
        marking = asyncio.create_task(self._mark_often(), name=f"{self._worker.processor.name}-marks")
        try:
            async for batch in self._log.read(start, limit=self._limit):
                await self._worker.work(batch)
                for record in batch:
                    self._marked[record.at()] = position(self._log.epoch, record.offset + 1)
        finally:
            marking.cancel()
            await self._mark()

    async def replay(self, generation: int, until: Mapping[Partition, int]) -> None:
        """Work the records before `until` into a generation, from its checkpoints on, and return."""
        saved = await self._worker.begin(generation, self._log.epoch)
        start = {at: saved.get(at, 0) for at in until}
        async for batch in self._log.read(start, until, limit=self._limit):
            await self._worker.work(batch)

    async def _start(self) -> dict[Partition, int]:
        """What is acknowledged; a worker that never marked begins at its checkpoints, and marks them first."""
        marks = await patiently(f"{self._name}", self._marks, self._health)
        saved, epoch = self._worker.next, self._log.epoch
        start = {}
        for at in partitions(*self._worker.processor.topics):
            marked = offset_in(epoch, marks[at]) if at in marks else saved.get(at, 0)
            start[at] = min(marked, saved.get(at, 0))
            self._marked[at] = position(epoch, start[at])
        await patiently(f"{self._name}", self._mark, self._health)
        return start

    @property
    def _name(self) -> str:
        return f"{self._worker.processor.name} acknowledged"

    async def _marks(self) -> dict[Partition, int]:
        return await self._documents.checkpoints(self._name, self._worker.generation)

    async def _mark(self) -> None:
        marks = Checkpoint(self._name, self._worker.generation, dict(self._marked))
        await self._documents.save(Changes([], [], marks))

    async def _mark_often(self) -> None:
        written: dict[Partition, int] = {}
        while True:
            await asyncio.sleep(MARK_S)
            if written != self._marked:
                written = dict(self._marked)
                await patiently(f"{self._name}", self._mark, self._health)
