"""Documents that note which rows were written through them: what a comparison has to look at again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.ports.documents import Changes, Documents, Facet, Fingerprint, Row, Table, TableGeneration

Key = tuple[str, str]
"""A table's name and a row's id."""


class TrackedDocuments:
    """The `Documents` port, passed on."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._noted: set[Key] = set()

    def take(self) -> set[Key]:
        """The rows and heads written since it was last asked."""
        noted, self._noted = self._noted, set()
        return noted

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save a batch and note its rows and heads."""
        for place, writes in (*changes.rows, *changes.heads):
            self._noted.update((place.table.name, write.id) for write in writes)
        return await self._documents.save(changes)

    @property
    def life(self) -> int:
        """Passed on."""
        return self._documents.life

    async def start(self, tables: Iterable[Table]) -> None:
        """Passed on."""
        await self._documents.start(tables)

    async def stop(self) -> None:
        """Passed on."""
        await self._documents.stop()

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Passed on."""
        return await self._documents.get(place, ids)

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Passed on."""
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
        """Passed on."""
        return await self._documents.find(
            place, index, equals, low=low, high=high, after=after, limit=limit, reverse=reverse
        )

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Passed on."""
        return await self._documents.scan(place, after=after, limit=limit)

    async def checkpoints(self, processor: str, generation: int) -> dict[Any, int]:
        """Passed on."""
        return await self._documents.checkpoints(processor, generation)

    async def fingerprints(self, processor: str, generation: int) -> dict[Any, Fingerprint]:
        """Passed on."""
        return await self._documents.fingerprints(processor, generation)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Passed on."""
        return await self._documents.pointer(name)

    async def point(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Passed on."""
        return await self._documents.point(name, document, expected)

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Passed on."""
        await self._documents.prepare(places)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Passed on."""
        await self._documents.drop(places, checkpoint)
