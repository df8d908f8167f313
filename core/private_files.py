"""Directories and files that nobody but their owner may read: what people wrote, and what opens it."""

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DIRECTORY: Final = 0o700
FILE: Final = 0o600
OTHERS: Final = 0o077


def make_directory(path: Path) -> None:
    """The directory, made for its owner alone where it is missing."""
    path.mkdir(mode=DIRECTORY, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """The file, made empty and for its owner alone where it is missing. One that is there is not opened: to close it
    would end the locks that SQLite holds on it in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def write_file(path: Path, content: bytes) -> None:
    """The file with this content, replaced as a whole, for its owner alone."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    make_file(fresh)
    fresh.write_bytes(content)
    fresh.replace(path)


def open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may do anything with it. Raises `OSError`."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)


def tighten(paths: Iterable[Path]) -> list[Path]:
    """Takes what is there of these from everybody but their owner; those that others could get at before. A directory
    that is everybody's, such as `/tmp`, and what links lead to stay as they are. Raises `OSError`.
    """
    return [path for path in paths if _tightened(path)]


def _tightened(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(mode) or mode & stat.S_ISVTX or not mode & OTHERS:
        return False
    path.chmod(stat.S_IMODE(mode) & ~OTHERS)
    return True
