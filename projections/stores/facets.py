"""The one rule of rows: a facet stands if its position is greater than that of the one that is there.

And the one rule of saves: a batch is saved on top of the checkpoint it was folded on, or not at all.
"""

from collections.abc import Mapping
from typing import Any, Final

from core.ports.documents import Base, Row, StoreWentBack, TableGeneration, Write
from core.ports.event_log import Unavailable
from schemas.topics import Partition

MARKER: Final = "\x01table"
"""The id of a row that every prepared table has in a durable store: where it is missing the table was lost."""


def registration_of(place: TableGeneration) -> str:
    """Under which name a durable store keeps that it has prepared a table."""
    return f"table {place.table.model}/{place.table.name}/{place.generation}"


def require_base(base: Base, stored: Mapping[Partition, int]) -> None:
    """Raises `StoreWentBack` where a partition is stored up to less than `base`."""
    behind = {at: (stored.get(at, 0), where) for at, where in base.positions.items() if stored.get(at, 0) < where}
    if behind:
        at, (found, wanted) = min(behind.items())
        raise StoreWentBack(
            f"{base.processor} (generation {base.generation}) was saved up to {wanted} of {at.topic} {at.number}, "
            f"and the store now has {found}: it went back in time"
        )


def require_life(base: Base | None, life: int) -> None:
    """Raises `Unavailable` where the store was started anew since `base`."""
    if base is not None and base.life != life:
        raise Unavailable("the store was started anew since this batch was begun")


def merged(row: Row | None, write: Write) -> Row | None:
    """The row with what `write` says that is newer; None where it says nothing new. `row` stays as it is."""
    if row is None:
        return {"_id": write.id, **write.fixed, **write.facets}
    newer = {name: facet for name, facet in write.facets.items() if name not in row or _newer(facet, row[name])}
    if newer or any(name not in row for name in write.fixed):
        return {**row, **write.fixed, **newer}
    return None


def _newer(facet: Any, there: Any) -> bool:
    return bool(facet["pos"] > there["pos"])


def at_path(row: Row, path: str) -> Any:
    """What lies at a path with dots, such as `sent.n`; None where nothing does."""
    found: Any = row
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found
