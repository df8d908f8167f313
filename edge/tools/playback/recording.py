"""Reads recordings: files of JSON lines, one row per user action, in the order of the actions."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from core.domain.characters import blank
from schemas.bounds import Key, Text, UserId

PLAY: Final = "play"
GZIP: Final = b"\x1f\x8b"


class Row(msgspec.Struct, frozen=True, tag_field="kind"):
    """The fields of all rows: `user` acted in `channel` at `at`, a text that sorts as time does."""

    at: Key
    channel: Key
    user: UserId


class Send(Row, frozen=True, tag="send"):
    """A message, named by its channel and `at`; `thread` is the `at` of the message it answers."""

    text: Text = msgspec.field()
    thread: Key | None = None


class Edit(Row, frozen=True, tag="edit"):
    """A new text for the message sent at `target`."""

    target: Key = msgspec.field()
    text: Text = msgspec.field()


class Delete(Row, frozen=True, tag="delete"):
    """The message sent at `target` is deleted."""

    target: Key = msgspec.field()


class Join(Row, frozen=True, tag="join"):
    """The user joins."""


class Leave(Row, frozen=True, tag="leave"):
    """The user leaves."""


AnyRow = Send | Edit | Delete | Join | Leave


class Malformed(ValueError):
    """A line of a recording is invalid; lines count from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line


def read(path: Path) -> list[AnyRow]:
    """Return the rows of a file, gzipped or plain. Raises `Malformed`, `OSError`."""
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP
    with gzip.open(path) if zipped else path.open("rb") as lines:
        try:
            return list(parse(lines))
        except (EOFError, gzip.BadGzipFile) as error:
            raise Malformed(0, f"the file is damaged: {error}") from error


def parse(lines: Iterable[bytes | str]) -> Iterator[AnyRow]:
    """Yield the rows in these lines. Raises `Malformed`."""
    decoder = msgspec.json.Decoder(AnyRow)
    sent: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, 1):
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Malformed(number, str(error)) from None
        if row.user == PLAY:
            raise Malformed(number, f"the user {PLAY!r} is the player's own")
        if isinstance(row, Send | Edit) and blank(row.text):
            raise Malformed(number, "nothing can be seen in its text")
        if isinstance(row, Send):
            if (row.channel, row.at) in sent:
                raise Malformed(number, f"{row.channel} has a message sent at {row.at} already")
            sent.add((row.channel, row.at))
        yield row
