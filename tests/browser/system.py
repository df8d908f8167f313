"""`caas up` that can be stopped and restarted with the same data and port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.processes import Process, free_port
from tests.e2e.up import ready_line


class System:
    """A restartable `caas up`; `ready` is its ready line."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._arguments = ("up", "--data", str(directory / "data"), "--port", str(free_port()), "--json", "--secrets")
        self._process: Process | None = None
        self._starts = 0
        self.ready: dict[str, Any] = {}

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._starts += 1
        log = self._directory / f"up-{self._starts}.log"
        self._process = Process("up", self._arguments, log, None, {}).start()
        self.ready = await asyncio.to_thread(ready_line, self._process)

    async def stop(self) -> None:
        """Send SIGTERM, on which it drains and ends."""
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)


@asynccontextmanager
async def started(directory: Path) -> AsyncIterator[System]:
    """Run a system, and stop it at the end whatever happened to it."""
    system = System(directory)
    try:
        await system.start()
        yield system
    finally:
        with contextlib.suppress(ProcessLookupError):
            await system.stop()
