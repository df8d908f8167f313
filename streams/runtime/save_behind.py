"""SaveBehind saves the rows and heads of a batch at once, and its checkpoint behind the next batches, many in one save.

A recipient waits for rows and heads alone. The order is that of one save. A crash leaves rows and heads after the
checkpoint, as a crash within one save does.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from core.health import Health
from core.ports.documents import (
    Base,
    Changes,
    Checkpoint,
    DataLost,
    Documents,
    Facet,
    Fingerprint,
    Row,
    RowTooLarge,
    StoreBroken,
    StoreWentBack,
    Table,
    TableGeneration,
)
from core.retry import retry_until_available
from schemas.topics import Partition

MIN_INTERVAL_S: Final = 0.02
"""Minimum interval between two saves behind, unless as many batches wait as one should have."""
MAX_WAITING: Final = 4
"""Number of batches for which a save behind does not wait longer."""
GIVEN_UP: Final = (StoreWentBack, StoreBroken, RowTooLarge, DataLost)
"""Errors after which what is behind is applied again, from the checkpoint that the store has."""


class Progress(NamedTuple):
    """The progress that one batch or several make: from a base to a checkpoint."""

    base: Base
    checkpoint: Checkpoint


class SaveBehind:
    """The port `Documents` for one worker, for stores whose saves are no transactions. `settle` must be called after
    each batch, in its order.

    - `checkpoints` returns when nothing is behind.
    - Where a checkpoint cannot be saved, because the store went back or rejects it, what is behind is dropped, and the
      next save raises `StoreWentBack`: the worker begins again at its checkpoint. The save after that is one whole
      save, so that an error is raised where it belongs.
    """

    def __init__(self, documents: Documents, health: Health, name: str) -> None:
        self._documents = documents
        self._health = health
        self._name = name
        self._waiting: list[Progress] = []
        self._enough = asyncio.Event()
        self._failed: Exception | None = None
        self._whole = True
        self._saved_at = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def life(self) -> int:
        """The store's life."""
        return self._documents.life

    def reset(self) -> None:
        """Drop what is behind: its worker begins again at the checkpoint."""
        self._waiting = []
        self._failed, self._whole = None, True

    async def save(self, changes: Changes) -> frozenset[str]:
        """Save rows and heads on the base that the store must have by now; the checkpoint waits. Return the ids of the
        created rows. Raises `StoreWentBack`.
        """
        self._require_saved()
        base, checkpoint = changes.base, changes.checkpoint
        if self._whole or base is None or checkpoint is None:
            await self.save_waiting()
            self._require_saved()
            made = await self._documents.save(changes)
            self._whole = False
            return made
        progress = Progress(base, checkpoint)
        saved = joined([*self._waiting, progress]).base
        made = await self._documents.save(Changes(changes.rows, changes.heads, base=saved))
        self._require_saved()
        self._waiting.append(progress)
        if len(self._waiting) >= MAX_WAITING:
            self._enough.set()
        return made

    def _require_saved(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise StoreWentBack(f"what was behind was not saved: {failed}") from failed

    async def settle(self) -> None:
        """Return when nothing that was saved by now is behind, or it was dropped."""
        if self._waiting:
            pause_s = self._saved_at + MIN_INTERVAL_S - asyncio.get_running_loop().time()
            if pause_s > 0:
                await _within(self._enough, pause_s)
            await retry_until_available(f"{self._name}: checkpoint", self.save_waiting, self._health)

    async def save_waiting(self) -> None:
        """Save the checkpoints that are behind. Raises `Unavailable`: they are still behind then."""
        async with self._lock:
            if not self._waiting:
                return
            waiting, count = self._waiting, len(self._waiting)
            self._enough.clear()
            try:
                await self._save(waiting[:count])
            except GIVEN_UP as error:
                if waiting is self._waiting:
                    self._waiting = []
                    self._failed, self._whole = error, True
            else:
                del waiting[:count]
            self._saved_at = asyncio.get_running_loop().time()

    async def _save(self, waiting: Sequence[Progress]) -> None:
        if any(one.base.life != self.life for one in waiting):
            raise StoreWentBack("the store may have been restarted")
        whole = joined(waiting)
        await self._documents.save(Changes((), (), whole.checkpoint, whole.base))

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        """Return the checkpoints, when nothing is behind."""
        await self.save_waiting()
        return await self._documents.checkpoints(processor, generation)

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        """Return rows of the store."""
        return await self._documents.get(place, ids)

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        """Delete rows of the store."""
        await self._documents.remove(place, ids)

    async def start(self, tables: Iterable[Table]) -> None:
        """Start the store."""
        await self._documents.start(tables)

    async def stop(self) -> None:
        """Stop the store."""
        await self._documents.stop()

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        """Return the facets of the store."""
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
        """Return rows of the store."""
        return await self._documents.find(
            place, index, equals, low=low, high=high, after=after, limit=limit, reverse=reverse
        )

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        """Return rows of the store."""
        return await self._documents.scan(place, after=after, limit=limit)

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        """Return the fingerprints of the store."""
        return await self._documents.fingerprints(processor, generation)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        """Return a pointer of the store."""
        return await self._documents.pointer(name)

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        """Replace a pointer of the store."""
        return await self._documents.compare_and_set(name, document, expected)

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        """Create tables in the store."""
        await self._documents.prepare(places)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        """Delete tables of the store."""
        await self._documents.drop(places, checkpoint)


def joined(waiting: Sequence[Progress]) -> Progress:
    """Return the progress of several that follow each other. Its base is what none of them saves: where the first
    begins, or a later one after a part that another worker has saved.
    """
    positions: dict[Partition, int] = {}
    digests: dict[Partition, str] = {}
    begins: dict[Partition, int] = {}
    for base, checkpoint in waiting:
        begins |= {at: n for at, n in base.positions.items() if n > positions.get(at, -1)}
        newer = {at for at, n in checkpoint.positions.items() if n >= positions.get(at, n)}
        positions |= {at: checkpoint.positions[at] for at in newer}
        digests |= {at: digest for at, digest in checkpoint.digests.items() if at in newer}
    last, to = waiting[-1]
    return Progress(
        Base(last.processor, last.generation, begins, last.life),
        Checkpoint(to.processor, to.generation, positions, digests),
    )


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after this time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
