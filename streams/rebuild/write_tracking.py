"""TrackedDocuments records which rows were written through it: a comparison has to check them again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.ports.documents import Changes, Documents, Facet, Fingerprint, Row, Table, TableGeneration

Key = tuple[str, str]
"""A table's name and a row's id."""


class TrackedDocuments:
    """The `Documents` port; calls are forwarded."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._written: set[Key] = set()

    def take(self) -> set[Key]:
        """Return the rows and heads written since the last call."""
        written, self._written = self._written, set()
        return written

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch and record its rows and heads."""
        for place, writes in (*changes.rows, *changes.heads):
            self._written.update((place.table.name, write.id) for write in writes)
        return await self._documents.save(changes)

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Forward the call."""
        await self._documents.remove(place, ids)

    @property
    def life(self) -> int:
        """Forward the call."""
        return self._documents.life

    async def start(self, tables: Iterable[Table]) -> None:
        """Forward the call."""
        await self._documents.start(tables)

    async def stop(self) -> None:
        """Forward the call."""
        await self._documents.stop()

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Forward the call."""
        return await self._documents.get(place, ids)

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Forward the call."""
        return await self._documents.facets(place, ids, index)

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
        """Forward the call."""
        return await self._documents.find(
            place, index, equals, low=low, high=high, after=after, limit=limit, reverse=reverse
        )

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Forward the call."""
        return await self._documents.scan(place, after=after, limit=limit)

    async def checkpoints(self, processor: str, generation: int) -> dict[Any, int]:
        """Forward the call."""
        return await self._documents.checkpoints(processor, generation)

    async def fingerprints(self, processor: str, generation: int) -> dict[Any, Fingerprint]:
        """Forward the call."""
        return await self._documents.fingerprints(processor, generation)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Forward the call."""
        return await self._documents.pointer(name)

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Forward the call."""
        return await self._documents.compare_and_set(name, document, expected)

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Forward the call."""
        await self._documents.prepare(places)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Forward the call."""
        await self._documents.drop(places, checkpoint)
