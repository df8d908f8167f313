"""A store that loses its last saves, like a server killed before it has written confirmed saves to disk."""

from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from core.ports.documents import Changes, Checkpoint, TableGeneration, Write
from core.ports.event_log import Unavailable
from projections.stores.memory import MemoryDocuments

MAX_FORGOTTEN = 40
"""Maximum number of saves that it can lose."""
_LIFE: ContextVar[int] = ContextVar("life of the store when a save began", default=0)


class ForgetfulDocuments(MemoryDocuments):
    """`forget` restores the state of some saves ago. A running save then fails: its connection broke."""

    def __init__(self) -> None:
        super().__init__()
        self._lives = 0
        self._past: deque[Mapping[str, Any]] = deque(maxlen=MAX_FORGOTTEN)

    @property
    def life(self) -> int:
        return self._lives

    async def save(self, changes: Changes) -> frozenset[str]:
        _LIFE.set(self._lives)
        made = await super().save(changes)
        if changes.checkpoint is not None and _LIFE.get() == self._lives:
            self._past.append(self._whole())
        return made

    def forget(self, saves: int) -> int:
        """Lose up to `saves` saves. Return how many."""
        many = min(saves, len(self._past) - 1)
        if many < 1:
            return 0
        self._lives += 1
        for _ in range(many):
            self._past.pop()
        self.__dict__.update(self._copied(self._past[-1]))
        return many

    def _whole(self) -> Mapping[str, Any]:
        return self._copied({name: getattr(self, name) for name in ("_rows", "_checkpoints", "_fingerprints")})

    def _copied(self, whole: Mapping[str, Any]) -> Mapping[str, Any]:
        """Copy the tables; rows are replaced and never mutated, so they are shared."""
        return {name: {key: dict(kept) for key, kept in found.items()} for name, found in whole.items()}

    def _put(self, place: TableGeneration, write: Write) -> bool:
        self._same_life()
        return super()._put(place, write)

    def _save_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._same_life()
        super()._save_checkpoint(checkpoint)

    def _same_life(self) -> None:
        if _LIFE.get() != self._lives:
            raise Unavailable("the store was killed during a save")
