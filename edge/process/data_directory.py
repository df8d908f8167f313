"""Keep the directory of an embedded system private to its owner, also one that an older version left open to others."""

import logging
from pathlib import Path
from typing import Final

from core import private_files

logger: Final = logging.getLogger("caas.data")
LOG: Final = "log.sqlite"
DOCUMENTS: Final = "documents.sqlite"
SEARCH: Final = "search.sqlite"
READY: Final = "up.json"
_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock")
_FILES: Final = (READY, *(name + ending for name in (LOG, DOCUMENTS, SEARCH) for ending in _BESIDE))


def make_private(data: Path) -> None:
    """Create the directory if missing, and remove all permissions of others on it and our files; log it if others could
    access any. If the directory belongs to another user, only a warning is logged. `secrets.json` is left as it is:
    whether it may still be used is decided elsewhere.
    """
    private_files.make_directory(data)
    try:
        opened = private_files.tighten((data, *(data / name for name in _FILES)))
    except PermissionError as error:
        logger.warning("%s may be read by others, and belongs to another user: %s", data, error)
        return
    if not opened:
        return
    shown = "; its up.json held the app secret: make another" if data / READY in opened else ""
    logger.warning("%s could be read by others (%d names): now by its owner alone%s", data, len(opened), shown)


def is_system(data: Path) -> bool:
    """Return whether an embedded system was ever started there."""
    return any((data / name).exists() for name in (LOG, DOCUMENTS))
