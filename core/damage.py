"""Lost data stops the process that finds it, whoever finds it: a reader, a writer, or the answer to a client."""

import asyncio
from typing import Never

from core.ports.event_log import DataDamaged
from core.positions import LogMismatch


class Damage:
    """The damage that was found first, if any."""

    def __init__(self) -> None:
        self._error: DataDamaged | LogMismatch | None = None
        self._found = asyncio.Event()

    def report(self, error: DataDamaged | LogMismatch) -> None:
        """A file is damaged, or the log has lost its end."""
        self._error = self._error or error
        self._found.set()

    async def found(self) -> Never:
        """Raises `DataDamaged` or `LogMismatch` as soon as one was reported."""
        while self._error is None:
            await self._found.wait()
        raise self._error
