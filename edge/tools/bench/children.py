"""Starts, awaits and stops the processes of a measurement: every server and every load is one."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from edge.tools.bench import machine

READY_S: Final = 30.0
STOP_S: Final = 15.0
END_S: Final = 5.0
TAIL: Final = 2_000


class BenchFailed(Exception):
    """A process of the bench failed; the end of its output says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A bench's directory for logs and data, and the settings of its processes.

    `profile` is the file that the next server's profile is written to.
    """

    directory: Path
    environment: Mapping[str, str]
    profile: Path | None = None

    def python(self, module: str, *arguments: str, profiled: bool = False) -> list[str]:
        """Return the command line that runs a module."""
        if profiled and self.profile is not None:
            return [sys.executable, "-m", "edge.tools.bench.profiled", str(self.profile), module, *arguments]
        return [sys.executable, "-m", module, *arguments]


@dataclass(slots=True)
class Child:
    """A running process; `said` returns the next JSON line it prints. One that `ends` exits by itself."""

    process: asyncio.subprocess.Process
    log: Path
    ends: bool = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    async def said(self, within_s: float = READY_S) -> dict[str, Any]:
        """Return the next JSON line that it prints. Raises `BenchFailed` if it prints nothing in time or exits."""
        try:
            async with asyncio.timeout(within_s):
                while (start := (line := await self._line()).find(b"{")) < 0:
                    pass  # a library's banner; its escape codes may also precede our line
        except TimeoutError:
            raise BenchFailed(f"nothing within {within_s:.0f} s from {self.log.name}: {self.words()}") from None
        found: dict[str, Any] = msgspec.json.decode(line[start:])
        return found

    async def _line(self) -> bytes:
        line = b"" if self.process.stdout is None else await self.process.stdout.readline()
        if not line:
            raise BenchFailed(f"{self.log.name} ended: {self.words()}")
        return line

    def words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-TAIL:]

    async def stop(self) -> None:
        """Close its input, then terminate it, then kill it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.ends:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), END_S)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), STOP_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


@asynccontextmanager
async def running(
    place: Place, name: str, command: Sequence[str], role: int, *, ends: bool = False
) -> AsyncIterator[Child]:
    """Run a process on the core of its role, and stop it at the end of the block."""
    log = place.directory / f"{name}.log"
    with log.open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
            env={**os.environ, **place.environment},
            preexec_fn=lambda: machine.pin(role),
            limit=1 << 24,
        )
    child = Child(process, log, ends)
    try:
        yield child
    finally:
        await child.stop()


async def ready(child: Child, url: str, within_s: float = READY_S) -> None:
    """Return when a server is ready by its readiness URL. Raises `BenchFailed`."""
    deadline = asyncio.get_running_loop().time() + within_s
    async with aiohttp.ClientSession() as session:
        while not await _is_ready(session, url):
            if child.process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise BenchFailed(f"{child.log.name} is not ready: {child.words()}")
            await asyncio.sleep(0.05)


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
