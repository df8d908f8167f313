"""A processor turns facts into saved rows and effects; it knows neither runner nor adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from core.ports.documents import Base, Checkpoint, Table, TableGeneration
from core.ports.effects import Effects
from core.ports.event_log import Received
from projections.facts import Fact
from schemas.topics import Partition


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of some partitions, in order within each partition, and the positions of their reader after them.

    `begins` has the position of each partition's first record, unless it is the first of the partition: all before it
    must be saved. `digests` are of each partition's last record, `life` is the store's when the generation was taken
    up.
    """

    facts: Sequence[Fact]
    processor: str
    generation: int
    positions: Mapping[Partition, int]
    begins: Mapping[Partition, int] = field(default_factory=dict)
    digests: Mapping[Partition, str] = field(default_factory=dict)
    life: int = 0

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint that is saved with the rows."""
        digests = {at: digest for at, digest in self.digests.items() if at in self.positions}
        return Checkpoint(self.processor, self.generation, self.positions, digests)

    @property
    def base(self) -> Base:
        """Return the base that the rows are folded on: every save of the batch names it."""
        return Base(self.processor, self.generation, self.begins, self.life)

    def place(self, table: Table) -> TableGeneration:
        """Return a table in the generation of this batch."""
        return TableGeneration(table, self.generation)


def everything(event_type: str) -> bool:  # noqa: ARG001 - any type
    """Return True: the processor takes all events on its topics."""
    return True


class Processor(Protocol):
    """The writer of one read model.

    `apply` looks up, folds, saves rows, heads and the batch's checkpoint, each on the batch's base, and returns the
    effects of every fact of the batch, changed row or not, with ids that derive from the facts. Applying a batch
    again changes nothing and returns the same effects; so does one that overlaps it, but that what is one record for
    several facts is divided as they are. `version` changes when the fold produces other rows.
    """

    @property
    def name(self) -> str:
        """Return the read model's name."""
        ...

    @property
    def version(self) -> int:
        """Return the fold's version."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics it reads."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """Return the tables it writes."""
        ...

    def takes(self, event_type: str) -> bool:
        """Return whether it takes events of this type, in any version; it skips others on its topics."""
        ...

    async def prepare(self, generation: int) -> None:
        """Create what a generation needs; harmless when it exists."""
        ...

    async def apply(self, batch: Batch) -> Effects:
        """Save the result of the facts, and return what to emit."""
        ...


@runtime_checkable
class FactReader(Protocol):
    """A processor that makes facts of records by itself, also of those that are no events: none is a dead letter."""

    def facts_of(self, received: Sequence[Received]) -> Sequence[Fact]:
        """Return the facts of these records, in their order. Never raises."""
        ...


@runtime_checkable
class SelfChecking(Protocol):
    """A processor that keeps something beside its rows, and repairs it where it was lost."""

    async def check(self, generation: int) -> None:
        """Return when it is complete; cheap where it is. Called before work begins, and every few seconds."""
        ...

    async def check_ends(self, generation: int, ends: Mapping[Partition, int]) -> None:
        """Drop, before work begins, what was made from more of the log than exists up to these positions."""
        ...
