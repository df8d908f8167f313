"""Read-model rows: a row is a set of facets, each a document whose first field is its position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from core.ports.event_log import Unavailable
from schemas.topics import Partition

Facet = Mapping[str, Any]
"""`{"pos": int64, …}`, `pos` first: JSON values only, no key with a dot or a dollar sign."""

Row = dict[str, Any]
"""`{"_id": str, <fixed fields>, <facet name>: {"pos": …, …}, …}`."""


@dataclass(frozen=True, slots=True)
class Index:
    """A declared query: rows where the `equals` fields have given values, in the order of `order`, an integer field.

    Fields are paths with dots, such as `sent.n`; the values of `equals` fields are texts. Rows without the `order`
    field, or without one of `equals`, are not found. Without `order` rows come by `_id`.
    """

    name: str
    equals: tuple[str, ...]
    order: str | None = None

    @property
    def facet(self) -> str:
        """The facet that it orders by. Raises `ValueError` where it orders by none."""
        name, dot, _ = (self.order or "").partition(".")
        if not dot:
            raise ValueError(f"the index {self.name} orders by no facet")
        return name

    @property
    def sparse(self) -> tuple[str, ...]:
        """Those of `equals` that lie within a facet: few rows may have them, and others need not be in the index."""
        return tuple(field for field in self.equals if "." in field)


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of row of one read model, and the queries it answers. Each generation of a model has its own."""

    model: str
    name: str
    indexes: tuple[Index, ...] = ()

    def index(self, name: str) -> Index:
        """The declared index of this name. Raises `KeyError`."""
        for index in self.indexes:
            if index.name == name:
                return index
        raise KeyError(f"table {self.name} declares no index {name!r}")


class TableGeneration(NamedTuple):
    """A table in one generation of its read model."""

    table: Table
    generation: int


@dataclass(frozen=True, slots=True)
class Write:
    """What one row shall have: `fixed` fields are the same whoever writes them; a facet stands if it is newer.

    `exists` is a hint that the row is there already; it never changes the result.
    """

    id: str
    fixed: Mapping[str, str]
    facets: Mapping[str, Facet]
    exists: bool = False


class Fingerprint(NamedTuple):
    """The last record before a checkpoint: the checkpoint's position, and a digest of the record."""

    position: int
    digest: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a processor stands: the position of the next record of each partition it has read.

    `digests` are of the last record read of each (`streams.runtime.lineage`): they tell this log from another one.
    """

    processor: str
    generation: int
    positions: Mapping[Partition, int]
    digests: Mapping[Partition, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Base:
    """What a batch was folded on: checkpoints that the store had by then, or more, and the store's `life` when what it
    was folded from was first read.
    """

    processor: str
    generation: int
    positions: Mapping[Partition, int]
    life: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one batch saves: rows, then heads, then the checkpoint, in this order; and what it was folded on, which
    must be in the store still.
    """

    rows: Sequence[tuple[TableGeneration, Sequence[Write]]]
    heads: Sequence[tuple[TableGeneration, Sequence[Write]]]
    checkpoint: Checkpoint | None = None
    base: Base | None = None


class StoreWentBack(Exception):
    """The stored checkpoint lies before the one that a batch was folded on: the store has lost saves that it had
    confirmed. Whoever folds begins again from what the store has.
    """


class StoreBroken(Exception):
    """The store refuses what it should do, or contradicts itself: neither a record nor waiting is to blame."""


class RowTooLarge(Exception):
    """A row has become larger than the store takes: the record that made it so is to blame, not the store."""


class DataLost(Unavailable):
    """The rows of a table that was prepared are gone: somebody dropped or emptied it. Waiting does not bring them
    back; a rebuild does.
    """

    def __init__(self, place: TableGeneration) -> None:
        model = place.table.model
        super().__init__(
            f"the rows of table {place.table.name} of the read model {model} (generation {place.generation}) are gone "
            f"from the store: `caas rebuild {model} --replace REASON` makes them again from the log"
        )
        self.place = place


class Documents(Protocol):
    """Where rows lie.

    - `life` becomes another when the store may have lost confirmed saves under us, such as when its server was started
      anew: what was read in one life may not be there in the next.
    - `save` raises `StoreWentBack`, and has saved no head and no checkpoint, where a partition's stored checkpoint is
      less than in `base`; and `Unavailable`, without a checkpoint, where `life` is another than in `base`.
    - `save` keeps a facet only where its `pos` is greater than the one that is there, whoever else writes at the same
      time; other facets of the row are untouched. It saves rows, then heads, then the checkpoint: after a crash what
      is there is what some prefix of these would have left. A checkpoint's position never goes back. It answers the
      ids of the rows (not heads) that it found absent and made. When it returns, all of it survives a crash of the
      store, or comes back with the checkpoint that belongs to it.
    - `get`, `facets`, `find`, `checkpoints` and `pointer` see every save that returned before they were called.
    - `find` answers rows of a declared index, `low` <= order < `high`, ascending or `reverse`.
    - `get`, `facets`, `find`, `scan` and `save` raise `DataLost` where the table was prepared, not dropped by `drop`,
      and is gone or empty all the same: all but `get` and `save` only where they find nothing. `prepare` raises it too,
      where the model (`Table.model`) has a checkpoint in this generation; without one everything is made again.
    - `scan` answers rows in the order of `_id` (by code point), for whole passes: `after` is the last id seen.
    - `pointer` and `point` keep one small document per name; `point` replaces it only if it still equals `expected`.
    - `save` raises `RowTooLarge` where the store bounds its rows (MongoDB: 16 MiB).
    - A store that is down makes every call raise `Unavailable` (core.ports.event_log) within some seconds.
    """

    @property
    def life(self) -> int:
        """The store's life, as far as this process can tell."""
        ...

    async def start(self, tables: Iterable[Table]) -> None:
        """Connect, waiting with backoff; make the indexes of these tables in generations to come."""
        ...

    async def stop(self) -> None:
        """Let go."""
        ...

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """The rows with these ids that exist."""
        ...

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """The facet that this declared index orders by, of those of these rows that have the field of its order: what
        else they hold is not brought here.
        """
        ...

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch; the ids of rows newly made. Raises `StoreWentBack`."""
        ...

    async def find(
        self,
        place: TableGeneration,
        index: str,
        equals: Sequence[str],
        *,
        low: int | None = None,
        high: int | None = None,
        after: str | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> list[Row]:
        """Rows by a declared index; `after` pages an index without `order` by `_id`."""
        ...

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """The next rows by `_id`."""
        ...

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """The next position of each partition that a processor has read."""
        ...

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """The last record before each checkpoint that was saved with a digest."""
        ...

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """The document kept under this name."""
        ...

    async def point(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the document under this name if it equals `expected` (None: if there is none); whether it did."""
        ...

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Make a generation's tables and indexes; harmless when they exist."""
        ...

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Delete a generation's tables and, where `(processor, generation)` is given, its checkpoints."""
        ...
