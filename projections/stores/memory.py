"""Stores rows in dictionaries: the reference for the guarantees of Documents, without disk, threads or clock."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from core.ports.documents import (
    Changes,
    Checkpoint,
    DataLost,
    Facet,
    Fingerprint,
    Index,
    Row,
    Table,
    TableGeneration,
    Write,
)
from projections.stores.facets import at_path, merged, require_base, require_life
from schemas.topics import Partition


class MemoryDocuments:
    """The port `Documents` in memory; saves live as long as this object, also after `stop`.

    Deterministic. `save` yields to other tasks before, between and after single rows, heads and the checkpoint: a
    caller cancelled there leaves exactly a prefix.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, int], dict[str, Row]] = {}
        self._checkpoints: dict[tuple[str, int], dict[Partition, int]] = {}
        self._fingerprints: dict[tuple[str, int], dict[Partition, Fingerprint]] = {}
        self._pointers: dict[str, dict[str, Any]] = {}
        self._lost: set[tuple[str, str, int]] = set()

    @property
    def life(self) -> int:
        """Always 0: the store never restarts."""
        return 0

    def lose(self, place: TableGeneration) -> None:
        """Simulate a table dropped from outside."""
        self._rows.pop(_name(place), None)
        self._lost.add(_name(place))

    async def start(self, tables: Iterable[Table]) -> None:  # noqa: ARG002 - the port's, not needed here
        """Do nothing: there is nothing to connect to."""
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Do nothing: there is nothing to release."""
        await asyncio.sleep(0)

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows with these ids that exist."""
        await asyncio.sleep(0)
        rows = self._at(place)
        return {row: _copy(rows[row]) for row in ids if row in rows}

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Return the facet that a declared index orders by, for those of these rows that have it."""
        declared = place.table.index(index)
        name, order = declared.facet, declared.order or ""
        await asyncio.sleep(0)
        rows = self._at(place)
        return {key: _copy(rows[key])[name] for key in ids if key in rows and at_path(rows[key], order) is not None}

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch, one write per turn of the event loop; return the ids of created rows."""
        created: set[str] = set()
        await asyncio.sleep(0)
        require_life(changes.base, self.life)
        if (base := changes.base) is not None:
            require_base(base, self._checkpoints.get((base.processor, base.generation), {}))
        for place, writes in changes.rows:
            for write in writes:
                if self._put(place, write):
                    created.add(write.id)
                await asyncio.sleep(0)
        for place, writes in changes.heads:
            for write in writes:
                self._put(place, write)
                await asyncio.sleep(0)
        if changes.checkpoint is not None:
            self._save_checkpoint(changes.checkpoint)
            await asyncio.sleep(0)
        return frozenset(created)

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Delete the rows with these ids."""
        await asyncio.sleep(0)
        rows = self._at(place)
        for row in ids:
            rows.pop(row, None)

    def _put(self, place: TableGeneration, write: Write) -> bool:
        """Merge one row; return whether it is new."""
        self._require(place)
        rows = self._rows.setdefault(_name(place), {})
        stored = rows.get(write.id)
        row = merged(stored, write)
        if row is not None:
            rows[write.id] = _copy(row)
        return stored is None

    def _save_checkpoint(self, checkpoint: Checkpoint) -> None:
        positions = self._checkpoints.setdefault((checkpoint.processor, checkpoint.generation), {})
        for partition, at in checkpoint.positions.items():
            positions[partition] = max(at, positions.get(partition, at))
        known = self._fingerprints.setdefault((checkpoint.processor, checkpoint.generation), {})
        for partition, digest in checkpoint.digests.items():
            new = Fingerprint(checkpoint.positions[partition], digest)
            known[partition] = max(new, known.get(partition, new), key=lambda one: one.position)

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
        """Return rows by a declared index. Reads every row of the table."""
        await asyncio.sleep(0)
        declared = place.table.index(index)
        wanted = dict(zip(declared.equals, equals, strict=True))
        found = [row for row in self._at(place).values() if all(at_path(row, f) == v for f, v in wanted.items())]
        if declared.order is None:
            found = [row for row in found if after is None or (row["_id"] < after if reverse else row["_id"] > after)]
            found.sort(key=lambda row: str(row["_id"]), reverse=reverse)
        else:
            found = _in_order(found, declared, low, high, reverse)
        return [_copy(row) for row in found[:limit]]

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return the next rows by `_id`."""
        await asyncio.sleep(0)
        rows = self._at(place)
        return [_copy(rows[row]) for row in sorted(row for row in rows if row > after)[:limit]]

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """Return the next position of each partition that a processor has read."""
        await asyncio.sleep(0)
        return dict(self._checkpoints.get((processor, generation), {}))

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """Return the last record before each checkpoint that was saved with a digest."""
        await asyncio.sleep(0)
        return dict(self._fingerprints.get((processor, generation), {}))

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Return the document stored under this name."""
        await asyncio.sleep(0)
        return _copy(self._pointers[name]) if name in self._pointers else None

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace the document under this name if it equals `expected`; return whether it did."""
        await asyncio.sleep(0)
        if self._pointers.get(name) != (None if expected is None else dict(expected)):
            return False
        self._pointers[name] = _copy(document)
        return True

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Create a generation's tables."""
        await asyncio.sleep(0)
        for place in places:
            if not self._checkpoints.get((place.table.model, place.generation)):
                self._lost.discard(_name(place))
            self._require(place)
            self._rows.setdefault(_name(place), {})

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Delete a generation's tables and checkpoints."""
        await asyncio.sleep(0)
        for place in places:
            self._rows.pop(_name(place), None)
            self._lost.discard(_name(place))
        if checkpoint is not None:
            self._checkpoints.pop(checkpoint, None)
            self._fingerprints.pop(checkpoint, None)

    def _require(self, place: TableGeneration) -> None:
        if _name(place) in self._lost:
            raise DataLost(place)

    def _at(self, place: TableGeneration) -> dict[str, Row]:
        self._require(place)
        return self._rows.get(_name(place), {})


def _name(place: TableGeneration) -> tuple[str, str, int]:
    return place.table.model, place.table.name, place.generation


def _copy(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy, as JSON encodes and decodes it."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return copy


def _in_order(rows: list[Row], index: Index, low: int | None, high: int | None, reverse: bool) -> list[Row]:
    """Return the rows whose order field is in the range, sorted by it and then by id."""
    path = index.order or ""
    placed = [(order, row["_id"], row) for row in rows if (order := at_path(row, path)) is not None]
    inside = [one for one in placed if (low is None or one[0] >= low) and (high is None or one[0] < high)]
    inside.sort(key=lambda one: one[:2], reverse=reverse)
    return [row for _, _, row in inside]
