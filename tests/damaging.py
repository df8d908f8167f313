"""What may happen to a file: half of it is lost, parts are overwritten, bytes are turned."""

import shutil
from pathlib import Path

PAGE = 4096


def overwrite(path: Path, at: int, data: bytes) -> None:
    """Put these bytes there."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def flip(path: Path, at: int, size: int = 1) -> None:
    """Turn every bit of these bytes."""
    with path.open("r+b") as file:
        file.seek(at)
        found = file.read(size)
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in found))


def flip_text(path: Path, text: bytes) -> None:
    """Turn the first byte of this text, which lies in the file once or more, in each place."""
    content, at, places = path.read_bytes(), -1, []
    while (at := content.find(text, at + 1)) >= 0:
        places.append(at)
    assert places, f"{text!r} is not in {path}"
    for place in places:
        flip(path, place)


def halve(path: Path) -> None:
    """Lose the second half."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


B_TREE = frozenset({2, 5, 10, 13})
"""How pages of a tree begin; others continue a long value, or are free, and SQLite looks at the content of neither."""


def zero_page(path: Path, number: int | None = None) -> None:
    """Overwrite a page with zeros, counted from 0; if none is named the one of a tree that is nearest to the middle."""
    content, pages = path.read_bytes(), path.stat().st_size // PAGE
    trees = [page for page in range(1, pages) if content[page * PAGE] in B_TREE]
    chosen = min(trees, key=lambda page: abs(page - pages // 2)) if number is None else number
    overwrite(path, chosen * PAGE, bytes(PAGE))


def break_header(path: Path) -> None:
    """What says that it is a database."""
    overwrite(path, 0, b"nothing at all  ")


def copied(file: Path, to: Path) -> Path:
    """The file with its -wal as `kill -9` would leave them now; where it lies in `to`."""
    to.mkdir(parents=True)
    for suffix in ("", "-wal"):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            shutil.copy(beside, to / beside.name)
    return to / file.name
