"""Runs a processor under another name, with separate consumer group, checkpoints and pointer from the live one."""

from collections.abc import Mapping, Sequence

from core.ports.documents import Changes, Checkpoint, Documents, Table, TableGeneration
from core.ports.effects import Effects
from core.ports.event_log import EventLog
from core.positions import position
from projections.generations import Pointer, replace_pointer
from schemas.topics import Partition, partitions
from streams.runtime.processor import Batch, Processor


class RenamedProcessor:
    """The processor with the name `name`."""

    def __init__(self, processor: Processor, name: str) -> None:
        self._processor = processor
        self.name = name

    @property
    def version(self) -> int:
        """The fold's version."""
        return self._processor.version

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it reads."""
        return self._processor.topics

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables it writes."""
        return self._processor.tables

    def takes(self, event_type: str) -> bool:
        """Return whether it folds events of this type."""
        return self._processor.takes(event_type)

    async def prepare(self, generation: int) -> None:
        """Create the tables of a generation."""
        await self._processor.prepare(generation)

    async def apply(self, batch: Batch) -> Effects:
        """Save the fold of a batch; return its effects."""
        return await self._processor.apply(batch)


async def make_live(
    processor: Processor, generation: int, log: EventLog, documents: Documents, start: Mapping[Partition, int]
) -> None:
    """Make this generation the live one of the processor's name, with checkpoints at `start`."""
    await documents.prepare([TableGeneration(table, generation) for table in processor.tables])
    positions = {at: position(log.epoch, offset) for at, offset in start.items()}
    await documents.save(Changes([], [], Checkpoint(processor.name, generation, positions)))
    await replace_pointer(documents, processor.name, Pointer(live=generation, newest=generation), Pointer())


async def remove(processor: Processor, generation: int, documents: Documents) -> None:
    """Delete the rows and checkpoints of a generation."""
    places: Sequence[TableGeneration] = [TableGeneration(table, generation) for table in processor.tables]
    await documents.drop(places, (processor.name, generation))


async def end_offsets_of(processor: Processor, log: EventLog) -> dict[Partition, int]:
    """Return the end offsets of all partitions it reads."""
    return await log.end_offsets(partitions(*processor.topics))
