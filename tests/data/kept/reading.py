"""Reads what an earlier version left behind: its data directory, its log and what it answered."""

import gzip
import tarfile
from pathlib import Path
from typing import TypeVar

import msgspec

from core.ports.event_log import Received
from core.positions import position
from tests.data.kept.questions import Answered

T = TypeVar("T")
VERSIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/log.jsonl.gz"))
EPOCH = 1
"""The epoch of every kept log."""


class Line(msgspec.Struct, frozen=True):
    """A record as it stands in `log.jsonl.gz`."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: str
    headers: list[tuple[str, str]]

    def received(self) -> Received:
        """Return the record as a log has it."""
        return Received(
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            position=position(EPOCH, self.offset),
            key=self.key.encode(),
            value=self.value.encode(),
            headers=tuple((name, content.encode()) for name, content in self.headers),
            timestamp_ms=self.timestamp_ms,
        )


def unpack(version: Path, data: Path) -> None:
    """Write the data directory of this version; `data` does not exist yet."""
    data.mkdir(mode=0o700)
    with tarfile.open(version / "system.tar.gz") as tar:
        tar.extractall(data, filter="data")


def records(version: Path) -> list[Received]:
    """Return the records of its log, by partition and offset."""
    return [line.received() for line in _lines(version / "log.jsonl.gz", Line)]


def answers(version: Path) -> list[Answered]:
    """Return what it answered."""
    return _lines(version / "answers.jsonl.gz", Answered)


def _lines(path: Path, kind: type[T]) -> list[T]:
    with gzip.open(path) as file:
        return [msgspec.json.decode(line, type=kind) for line in file]
