"""Damage stops the process that finds lost data, whether a reader, a writer or a query finds it."""

import asyncio
from typing import Never

from core.ports.event_log import DataDamaged
from core.positions import LogMismatch


class Damage:
    """The first reported damage, if any."""

    def __init__(self) -> None:
        self._error: DataDamaged | LogMismatch | None = None
        self._found = asyncio.Event()

    def report(self, error: DataDamaged | LogMismatch) -> None:
        """Report that a file is damaged, or that the log has lost its end."""
        self._error = self._error or error
        self._found.set()

    async def found(self) -> Never:
        """Wait for a report. Raises the first reported `DataDamaged` or `LogMismatch`."""
        while self._error is None:
            await self._found.wait()
        raise self._error
