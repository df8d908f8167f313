"""Golden records: one of every released event version, as it was written then. Files are added and never changed,
except `reads_as` when a newer version of the event replaces it.
"""

from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import Record

FOLDER = Path(__file__).parent / "golden"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """A record, and the event in its newest form that the code must decode from it. All bytes are UTF-8."""

    topic: str
    key: str
    headers: list[tuple[str, str]]
    value: str
    reads_as: dict[str, Any]

    def record(self) -> Record:
        headers = tuple((name, value.encode()) for name, value in self.headers)
        return Record(self.topic, self.key.encode(), self.value.encode(), headers)


def released() -> dict[str, Golden]:
    """Return all golden records, by event type and version."""
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Golden) for path in sorted(FOLDER.glob("*.json"))}
