"""What a processor is: facts in, rows saved, effects out; it knows neither runner nor adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.ports.documents import Checkpoint, Place, Table
from core.ports.effects import Effects
from projections.facts import Fact
from schemas.topics import Partition


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of some partitions, each partition's in order, and where their reader stands after them."""

    facts: Sequence[Fact]
    processor: str
    generation: int
    positions: Mapping[Partition, int]

    @property
    def checkpoint(self) -> Checkpoint:
        """What is saved with the rows."""
        return Checkpoint(self.processor, self.generation, self.positions)

    def place(self, table: Table) -> Place:
        """A table in the generation that this batch is for."""
        return Place(table, self.generation)


def everything(event_type: str) -> bool:  # noqa: ARG001 - whatever it is
    """What a processor takes that all events on its topics concern."""
    return True


class Processor(Protocol):
    """One read model's writer.

    `apply` looks up, folds, saves rows, heads and the batch's checkpoint, and answers what shall be emitted for every
    fact of the batch, changed row or not, with ids that derive from the facts. Applying a batch again, or one that
    overlaps it, changes nothing and answers the same effects. `version` changes when the fold gives other rows.
    """

    @property
    def name(self) -> str:
        """The read model's name."""
        ...

    @property
    def version(self) -> int:
        """The fold's version."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """What it writes."""
        ...

    def takes(self, event_type: str) -> bool:
        """Whether events of this type, in whatever version, concern it; others on its topics it passes over."""
        ...

    async def prepare(self, generation: int) -> None:
        """Make what a generation needs; harmless when it is there."""
        ...

    async def apply(self, batch: Batch) -> Effects:
        """Save what the facts come to; what to emit."""
        ...
