"""CheckpointFolder keeps checkpoints as files of a directory, which may lie on another machine than the log.

The one of a tenant's tree with 264 records is `tenant-NAME/0000000000000264.checkpoint`, NAME percent-encoded; of a
long name the first characters and a hash. A file that is not UTF-8 is returned with marks, and so is no checkpoint.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from core import private_files

DIGITS: Final = 16
MAX_NAME: Final = 128
"""Maximum length of a tenant's encoded name in that of its folder: file systems end at 255 bytes."""
SUFFIX: Final = ".checkpoint"


class CheckpointFolder:
    """The `Checkpoints` port over a directory, which is created when the first checkpoint is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, tenant: str, size: int, note: str) -> None:
        """Write its file, unless there is one."""
        await asyncio.to_thread(self._write, self._of(tenant) / f"{size:0{DIGITS}}{SUFFIX}", note)

    async def kept(self, tenant: str, *, after: int = -1, limit: int = 1000) -> Sequence[str]:
        """Read the files, in the order of their names."""
        return await asyncio.to_thread(self._read, tenant, after, limit)

    async def newest(self, tenant: str) -> str | None:
        """Read the last file."""
        return await asyncio.to_thread(self._last, tenant)

    def _of(self, tenant: str) -> Path:
        name = quote(tenant, safe="")
        if len(name) > MAX_NAME:
            name = f"{name[:MAX_NAME]}~{sha256(tenant.encode()).hexdigest()}"
        return self._folder / f"tenant-{name}"  # never `..`, which quoting leaves as it is

    def _write(self, path: Path, note: str) -> None:
        if not path.exists():
            private_files.make_directory(path.parent)
            private_files.write_file(path, note.encode())

    def _read(self, tenant: str, after: int, limit: int) -> list[str]:
        later = [path for path in self._paths(tenant) if int(path.stem) > after]
        return [path.read_text(encoding="utf-8", errors="replace") for path in later[:limit]]

    def _last(self, tenant: str) -> str | None:
        paths = self._paths(tenant)
        return paths[-1].read_text(encoding="utf-8", errors="replace") if paths else None

    def _paths(self, tenant: str) -> list[Path]:
        """Return the files of a tenant's checkpoints, the smallest tree first; others do not count."""
        return sorted(path for path in self._of(tenant).glob(f"*{SUFFIX}") if path.stem.isdecimal())
