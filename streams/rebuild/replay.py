"""Replay folds the log into a separate generation, without effects, and never ahead of the live one."""

from collections.abc import Callable, Mapping

from core.health import Health
from core.ports.documents import Documents
from core.ports.effects import Silent
from core.ports.event_log import EventLog, LogTruncated
from core.positions import offset_in
from core.retry import retry_until_available
from schemas.topics import Partition, partitions
from streams.runtime import lag
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.worker import Worker

Fold = Callable[[Documents], Processor]
"""Returns the processor over these documents: a second fold writes to other documents than the live one."""

ReplayProgress = Callable[[int, int], None]
"""`(records done, records in all)`, called after each batch."""


class Live:
    """The live generation, as a replay follows it."""

    def __init__(self, processor: Processor, log: EventLog, documents: Documents, health: Health, generation: int):
        self.generation = generation
        self._name = processor.name
        self._places = partitions(*processor.topics)
        self._log = log
        self._documents = documents
        self._health = health

    async def offsets(self) -> dict[Partition, int]:
        """Return the next offset of each of its partitions."""
        saved = await retry_until_available(
            f"{self._name}: live checkpoints",
            lambda: self._documents.checkpoints(self._name, self.generation),
            self._health,
        )
        return {at: offset_in(self._log.epoch, saved.get(at, 0)) for at in self._places}

    async def ends(self) -> dict[Partition, int]:
        """Return where the log ends now."""
        return await retry_until_available(
            f"{self._name}: ends", lambda: self._log.end_offsets(self._places), self._health
        )

    async def wait_until_caught_up(self, progress: lag.ProgressCallback = lag.no_progress) -> Mapping[Partition, int]:
        """Wait until it has passed the log's current ends, and return its offsets: so it has every row seen before.

        Raises `ReadModelStalled`.
        """
        return await lag.wait_until_caught_up(self._name, self.offsets, self.ends, progress)


class Replay:
    """One processor that folds into one generation. `records` counts what it has read."""

    def __init__(
        self,
        processor: Processor,
        log: EventLog,
        documents: Documents,
        health: Health,
        generation: int,
        *,
        progress: ReplayProgress,
        limit: int = 500,
    ) -> None:
        self.records = 0
        self._log = log
        self._generation = generation
        self._progress = progress
        self._all = 0
        self._worker = Worker(processor, documents, Silent(), health)
        self._runner = PlainRunner(self._worker, log, documents, health, limit)

    async def begin(self) -> None:
        """Create the generation, and read its offsets."""
        await self._worker.begin(self._generation, self._log.epoch)

    @property
    def offsets(self) -> Mapping[Partition, int]:
        """Return the next offset of each partition it has read."""
        return self._worker.next

    def left(self, until: Mapping[Partition, int]) -> int:
        """Return how many offsets are left up to `until`."""
        return lag.records_behind(self._worker.next, until)

    async def to(self, until: Mapping[Partition, int]) -> None:
        """Read exactly up to these offsets. Raises `LogTruncated`."""
        self._all = self.records + self.left(until)
        await self._runner.replay(self._generation, until, self._done)

    def _done(self, count: int) -> None:
        self.records += count
        self._progress(self.records, max(self._all, self.records))


async def require_whole_log(processor: Processor, log: EventLog, health: Health) -> None:
    """Raises `LogTruncated` where the log no longer has the beginning of a partition that the processor reads."""
    places = partitions(*processor.topics)
    begins = await retry_until_available(f"{processor.name}: begins", lambda: log.beginning_offsets(places), health)
    gone = {f"{at.topic}/{at.number}": offset for at, offset in begins.items() if offset > 0}
    if gone:
        raise LogTruncated(f"{processor.name} needs the whole log, but it begins at {gone}")
