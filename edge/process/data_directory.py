"""The directory of an embedded system: its owner's alone, also where an older version left it open to others."""

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
    """Make the directory if need be, and take it and our files in it from everybody but their owner; said where others
    could get at something before. Whose directory it is not goes on with a warning. `secrets.json` stays as it is:
    whether it may still be used is not for us to say.
    """
    private_files.make_directory(data)
    try:
        opened = private_files.tighten((data, *(data / name for name in _FILES)))
    except PermissionError as error:
        logger.warning("%s may be read by others, and belongs to somebody else: %s", data, error)
        return
    if not opened:
        return
    shown = "; its up.json held the app secret: make another" if data / READY in opened else ""
    logger.warning("%s could be read by others (%d names): now by its owner alone%s", data, len(opened), shown)


def is_system(data: Path) -> bool:
    """Whether an embedded system was ever started there."""
    return any((data / name).exists() for name in (LOG, DOCUMENTS))
