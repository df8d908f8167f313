"""What a processor is: facts in, rows saved, effects out; it knows neither runner nor adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from core.ports.documents import Base, Checkpoint, Table, TableGeneration
from core.ports.effects import Effects
from projections.facts import Fact
from schemas.topics import Partition


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of some partitions, each partition's in order, and where their reader stands after them.

    `begins` has where each partition's first record lies, unless it is the partition's first: all before it must be
    saved. `digests` are of each partition's last record, `life` is the store's when the generation was taken up.
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
        """What is saved with the rows."""
        digests = {at: digest for at, digest in self.digests.items() if at in self.positions}
        return Checkpoint(self.processor, self.generation, self.positions, digests)

    @property
    def base(self) -> Base:
        """What the rows are folded on: every save of the batch names it."""
        return Base(self.processor, self.generation, self.begins, self.life)

    def place(self, table: Table) -> TableGeneration:
        """A table in the generation that this batch is for."""
        return TableGeneration(table, self.generation)


def everything(event_type: str) -> bool:  # noqa: ARG001 - whatever it is
    """What a processor takes that all events on its topics concern."""
    return True


class Processor(Protocol):
    """One read model's writer.

    `apply` looks up, folds, saves rows, heads and the batch's checkpoint, each on the batch's base, and answers what
    shall be emitted for every fact of the batch, changed row or not, with ids that derive from the facts. Applying a
    batch again, or one that overlaps it, changes nothing and answers the same effects. `version` changes when the fold
    gives other rows.
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


@runtime_checkable
class SelfChecking(Protocol):
    """A processor that keeps something beside its rows, and mends it where it was lost."""

    async def check(self, generation: int) -> None:
        """Return when it is whole; cheap where it is. Called before work begins, and every few seconds."""
        ...

    async def check_ends(self, generation: int, ends: Mapping[Partition, int]) -> None:
        """Before work begins: let go of what was made from more of the log than there is up to these positions."""
        ...
