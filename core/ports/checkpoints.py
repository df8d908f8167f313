"""Checkpoints keeps signed checkpoints of the audit log apart from its read model, which can be made anew."""

from collections.abc import Sequence
from typing import Protocol


class Checkpoints(Protocol):
    """The kept checkpoints of each tenant, one for a size of its tree. All calls raise `OSError`."""

    async def keep(self, tenant: str, size: int, note: str) -> None:
        """Return when the note is kept. Where there is one of this size already, that one stays."""
        ...

    async def kept(self, tenant: str, *, after: int = -1, limit: int = 1000) -> Sequence[str]:
        """Return notes of trees with more than `after` records, the smallest first."""
        ...

    async def newest(self, tenant: str) -> str | None:
        """Return the note of the largest tree, None where there is none."""
        ...
