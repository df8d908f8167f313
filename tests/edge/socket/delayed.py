"""A system with late read models: acknowledged records are in the log, and no processor has read them yet."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from core.health import Health
from core.ports.event_log import Received
from projections.stores.memory import MemoryDocuments
from streams.log.memory import MemoryLog
from streams.memberships.membership_tail import MembershipTail
from streams.runtime.effects import LiveEmitter
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.worker import Worker
from tests.edge.socket.world import World


class Delayed(World):
    """A world whose `start` runs no processor that is named in `late`; `read` runs one of them."""

    def __init__(self, folder: Path, *late: str) -> None:
        super().__init__(folder)
        self._late = late

    def processors(self) -> tuple[Processor, ...]:
        return tuple(one for one in super().processors() if one.name not in self._late)

    def read(self, name: str) -> None:
        """Start this processor."""
        (processor,) = (one for one in super().processors() if one.name == name)
        emitter = LiveEmitter(self.log, self.bus, self.presence, self.health, name)
        worker = Worker(processor, self.documents, emitter, self.health)
        self.run(PlainRunner(worker, self.log, self.documents, self.health).run(1))


class HeldTail(MembershipTail):
    """A view that can be held at its position."""

    def __init__(self, log: MemoryLog, documents: MemoryDocuments) -> None:
        super().__init__(log, documents, Health())
        self.held: list[Sequence[Received]] | None = None

    def _take(self, batch: Sequence[Received]) -> None:
        if self.held is None:
            super()._take(batch)
        else:
            self.held.append(batch)

    def read_one(self) -> None:
        """Read the first of the held batches only."""
        assert self.held
        super()._take(self.held.pop(0))

    def let_go(self) -> None:
        batches, self.held = self.held or [], None
        for batch in batches:
            self._take(batch)


@asynccontextmanager
async def without(folder: Path, *late: str) -> AsyncIterator[Delayed]:
    """Run a system without these processors."""
    found = Delayed(folder, *late)
    try:
        await found.start()
        yield found
    finally:
        await found.stop()
