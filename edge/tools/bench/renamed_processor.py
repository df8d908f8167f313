"""A processor under another name: its own consumer group, checkpoints and pointer, so that no live one is touched."""

from collections.abc import Mapping, Sequence

from core.ports.documents import Changes, Checkpoint, Documents, Table, TableGeneration
from core.ports.effects import Effects
from core.ports.event_log import EventLog
from core.positions import position
from projections.generations import Pointer, replace_pointer
from schemas.topics import Partition, partitions
from streams.runtime.processor import Batch, Processor


class Under:
    """The processor, called `name`."""

    def __init__(self, processor: Processor, name: str) -> None:
        self._processor = processor
        self.name = name

    @property
    def version(self) -> int:
        """The fold's version."""
        return self._processor.version

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads."""
        return self._processor.topics

    @property
    def tables(self) -> tuple[Table, ...]:
        """What it writes."""
        return self._processor.tables

    def takes(self, event_type: str) -> bool:
        """What concerns it."""
        return self._processor.takes(event_type)

    async def prepare(self, generation: int) -> None:
        """Make what a generation needs."""
        await self._processor.prepare(generation)

    async def apply(self, batch: Batch) -> Effects:
        """Save what the facts come to."""
        return await self._processor.apply(batch)


async def stand(
    processor: Processor, generation: int, log: EventLog, documents: Documents, start: Mapping[Partition, int]
) -> None:
    """Make this generation the live one under the processor's name, saved up to `start`."""
    await documents.prepare([TableGeneration(table, generation) for table in processor.tables])
    positions = {at: position(log.epoch, offset) for at, offset in start.items()}
    await documents.save(Changes([], [], Checkpoint(processor.name, generation, positions)))
    await replace_pointer(documents, processor.name, Pointer(live=generation, newest=generation), Pointer())


async def remove(processor: Processor, generation: int, documents: Documents) -> None:
    """Delete its rows and checkpoints."""
    places: Sequence[TableGeneration] = [TableGeneration(table, generation) for table in processor.tables]
    await documents.drop(places, (processor.name, generation))


async def ends_of(processor: Processor, log: EventLog) -> dict[Partition, int]:
    """The next offsets of all that it reads."""
    return await log.ends(partitions(*processor.topics))
