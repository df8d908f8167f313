"""Implements the rules of rows and saves that all stores share.

A facet replaces a stored one only if its position is greater. A batch is saved only on top of the checkpoint that it
was folded on.
"""

from collections.abc import Mapping
from typing import Any, Final

from core.ports.documents import Base, Row, StoreWentBack, TableGeneration, Write
from core.ports.event_log import Unavailable
from schemas.topics import Partition

MARKER: Final = "\x01table"
"""The id of a row in every prepared table of a durable store: if it is missing the table was lost."""


def registration_of(place: TableGeneration) -> str:
    """Return the name under which a durable store registers a prepared table."""
    return f"table {place.table.model}/{place.table.name}/{place.generation}"


def require_base(base: Base, stored: Mapping[Partition, int]) -> None:
    """Raise `StoreWentBack` if the stored checkpoint of a partition is before `base`."""
    behind = {at: (stored.get(at, 0), where) for at, where in base.positions.items() if stored.get(at, 0) < where}
    if behind:
        at, (found, wanted) = min(behind.items())
        raise StoreWentBack(
            f"{base.processor} (generation {base.generation}) was saved up to {wanted} of {at.topic} {at.number}, "
            f"and the store now has {found}: it went back in time"
        )


def require_life(base: Base | None, life: int) -> None:
    """Raise `Unavailable` if the store was restarted since `base`."""
    if base is not None and base.life != life:
        raise Unavailable("the store was restarted since this batch was begun")


def merged(row: Row | None, write: Write) -> Row | None:
    """Return the row with the newer facets of `write`, None if it has none. Does not change `row`."""
    if row is None:
        return {"_id": write.id, **write.fixed, **write.facets}
    newer = {name: facet for name, facet in write.facets.items() if name not in row or _newer(facet, row[name])}
    if newer or any(name not in row for name in write.fixed):
        return {**row, **write.fixed, **newer}
    return None


def _newer(facet: Any, stored: Any) -> bool:
    return bool(facet["pos"] > stored["pos"])


def at_path(row: Row, path: str) -> Any:
    """Return the value at a path with dots, such as `sent.n`; None if there is none."""
    found: Any = row
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found
