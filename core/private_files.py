"""Create directories and files that only their owner may read: for messages and secrets."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DIRECTORY: Final = 0o700
FILE: Final = 0o600
OTHERS: Final = 0o077


def make_directory(path: Path) -> None:
    """Create the directory, for its owner alone, unless it exists."""
    path.mkdir(mode=DIRECTORY, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Create the file, empty and for its owner alone, unless it exists. An existing one is not opened: closing it would
    release the locks that SQLite has on it in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def write_file(path: Path, content: bytes) -> None:
    """Replace the file by one with this content, for its owner alone: whole or not at all, also where the power fails,
    and where another process, perhaps of another machine, writes the same.
    """
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_to_others(path: Path) -> bool:
    """Return whether others than its owner have any permission on it. Raises `OSError`."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)


def tighten(paths: Iterable[Path]) -> list[Path]:
    """Remove the permissions of others from those of these paths that exist; return the changed ones. Directories for
    everyone, such as `/tmp`, and the targets of links stay unchanged. Raises `OSError`.
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
