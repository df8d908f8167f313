"""Documents stores read-model rows: a row is a set of facets, each a document whose first field is its position."""

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
    """A declared query: rows whose `equals` fields have given values, sorted by `order`, an integer field.

    Fields are paths with dots, such as `sent.n`; the values of `equals` fields are texts. Rows without the `order`
    field, or without one of `equals`, are not found. Without `order` rows are sorted by `_id`.
    """

    name: str
    equals: tuple[str, ...]
    order: str | None = None

    @property
    def facet(self) -> str:
        """The facet of the `order` field. Raises `ValueError` if it is in none."""
        name, dot, _ = (self.order or "").partition(".")
        if not dot:
            raise ValueError(f"the index {self.name} orders by no facet")
        return name

    @property
    def sparse(self) -> tuple[str, ...]:
        """The fields of `equals` within a facet: few rows may have them, and rows without need not be in the index."""
        return tuple(field for field in self.equals if "." in field)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a read model, with its declared queries. Each generation of a model has its own rows."""

    model: str
    name: str
    indexes: tuple[Index, ...] = ()

    def index(self, name: str) -> Index:
        """Return the declared index of this name. Raises `KeyError`."""
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
    """A write to one row: `fixed` fields never change, whoever writes them; a facet is saved only if it is newer.

    `exists` is a hint that the row exists already; it never changes the result.
    """

    id: str
    fixed: Mapping[str, str]
    facets: Mapping[str, Facet]
    exists: bool = False


class Fingerprint(NamedTuple):
    """Identifies the last record before a checkpoint: the checkpoint's position, and a digest of the record."""

    position: int
    digest: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The progress of a processor: the position of the next record of each partition it has read.

    `digests` are of the last record read of each (`streams.runtime.lineage`): they distinguish this log from another.
    """

    processor: str
    generation: int
    positions: Mapping[Partition, int]
    digests: Mapping[Partition, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Base:
    """The base that a batch was folded on: checkpoints that the store had at that time, or later ones, and the store's
    `life` when the folded data was first read.
    """

    processor: str
    generation: int
    positions: Mapping[Partition, int]
    life: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that one batch saves: rows, then heads, then the checkpoint, in this order; and its `base`, which must
    still be in the store.
    """

    rows: Sequence[tuple[TableGeneration, Sequence[Write]]]
    heads: Sequence[tuple[TableGeneration, Sequence[Write]]]
    checkpoint: Checkpoint | None = None
    base: Base | None = None


class StoreWentBack(Exception):
    """The stored checkpoint is before the one that a batch was folded on: the store has lost confirmed saves. The
    processor restarts from what the store has.
    """


class StoreBroken(Exception):
    """The store fails for its own reason, or contradicts itself: no record is to blame and no retry helps."""


class RowTooLarge(Exception):
    """A row would be larger than the store allows: the record that makes it so is to blame, not the store."""


class DataLost(Unavailable):
    """The rows of a prepared table are gone: it was dropped or emptied from outside. A retry does not bring them back;
    a rebuild does.
    """

    def __init__(self, place: TableGeneration) -> None:
        model = place.table.model
        super().__init__(
            f"the rows of table {place.table.name} of the read model {model} (generation {place.generation}) are gone "
            f"from the store: `caas rebuild {model} --replace REASON` makes them again from the log"
        )
        self.place = place


class Documents(Protocol):
    """A store of rows.

    - `life` changes when the store may have lost confirmed saves while we run, such as when its server was restarted:
      what was read in one life may be missing in the next.
    - `save` raises `StoreWentBack`, and has saved no head and no checkpoint, if a partition's stored checkpoint is less
      than in `base`; and `Unavailable`, without a checkpoint, if `life` differs from `base`.
    - `save` keeps a facet only if its `pos` is greater than the stored one, also with concurrent writers; other facets
      of the row are untouched. It saves rows, then heads, then the checkpoint: a crash leaves a prefix of these. A
      checkpoint's position never goes back. It returns the ids of the rows (not heads) that it created. When it
      returns, all of it survives a crash of the store, or is rolled back with the checkpoint that belongs to it.
    - `get`, `facets`, `find`, `checkpoints` and `pointer` see every save that returned before they were called.
    - `find` returns rows of a declared index, `low` <= order < `high`, ascending or `reverse`.
    - `get`, `facets`, `find`, `scan` and `save` raise `DataLost` if the table was prepared, not dropped by `drop`, and
      is nevertheless gone or empty: all but `get` and `save` only if they find nothing. `prepare` raises it too, if the
      model (`Table.model`) has a checkpoint in this generation; without one everything is created again.
    - `remove` deletes rows by their ids, also of concurrent writers; it is for rows that nobody has to find any more.
      What it deleted survives a crash like a save. A row that is saved afterwards is created anew.
    - `scan` returns rows sorted by `_id` (by code point), for passes over a whole table: `after` is the last id seen.
    - `pointer` and `compare_and_set` read and replace one small document per name; it is replaced only if it still
      equals `expected`.
    - `save` raises `RowTooLarge` if the store limits its rows (MongoDB: 16 MiB).
    - If the store is down every call raises `Unavailable` (core.ports.event_log) within some seconds.
    """

    @property
    def life(self) -> int:
        """The store's life, as far as this process knows."""
        ...

    async def start(self, tables: Iterable[Table]) -> None:
        """Connect, waiting with backoff; later generations of these tables get their indexes."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return those of the rows with these ids that exist."""
        ...

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Return, of those of these rows that have the index's `order` field, the facet with that field: the other
        facets are not transferred.
        """
        ...

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch. Return the ids of the created rows. Raises `StoreWentBack`."""
        ...

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Delete the rows with these ids; harmless where there are none."""
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
        """Return rows by a declared index; an index without `order` is paged by `after`, the last `_id` seen."""
        ...

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return the next rows by `_id`."""
        ...

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """Return the next position of each partition that a processor has read."""
        ...

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """Return the fingerprint of the last record before each checkpoint that was saved with a digest."""
        ...

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Return the document of this name."""
        ...

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the document of this name if it equals `expected` (None: if there is none). Return whether it did."""
        ...

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Create a generation's tables and indexes; harmless if they exist."""
        ...

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Delete a generation's tables and, if `(processor, generation)` is given, its checkpoints."""
        ...
