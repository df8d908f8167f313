"""Golden records: one of every event version ever released, as it lay in the log that day. Files are added, never
changed but for `reads_as` when a newer version of the event takes over.
"""

from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import Record

FOLDER = Path(__file__).parent / "golden"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """A record, and the event (in its newest form) that today's code must read in it. All bytes here are UTF-8."""

    topic: str
    key: str
    headers: list[tuple[str, str]]
    value: str
    reads_as: dict[str, Any]

    def record(self) -> Record:
        headers = tuple((name, value.encode()) for name, value in self.headers)
        return Record(self.topic, self.key.encode(), self.value.encode(), headers)


def released() -> dict[str, Golden]:
    """All golden records, by event type and version."""
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Golden) for path in sorted(FOLDER.glob("*.json"))}
