"""The one rule of rows: a facet stands if its position is greater than that of the one that is there."""

from typing import Any

from core.ports.documents import Row, Write


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
