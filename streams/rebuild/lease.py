"""Lease allows one rebuild of a model at a time: its holder keeps changing a document.

No clocks are compared: a tool that finds the document watches whether it still changes. The document of a tool that
died does not change, and the next tool takes it over. This only saves work: that two never switch is ensured by the
pointer's compare-and-set.
"""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

from core.health import Health
from core.ports.documents import Documents
from core.retry import retry_until_available

HEARTBEAT_INTERVAL_S: Final = 0.5
DEAD_AFTER_S: Final = 3.0


class Refused(Exception):
    """The operation is not possible, and nothing was changed: `code` has the reason for programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Lease:
    """A lease held during the block. `kept` is what the last holder left for the next one."""

    def __init__(self, documents: Documents, model: str, request: str, health: Health) -> None:
        self.kept: dict[str, Any] | None = None
        self._documents = documents
        self._name = f"rebuild {model}"
        self._model = model
        self._health = health
        self._document: dict[str, Any] = {"request": request, "beat": 1, "kept": None}
        self._heartbeat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises `Refused`."""
        before = await self._read()
        if before is not None and before["beat"] and await self._is_alive(before):
            raise Refused("rebuild_running", f"another rebuild of {self._model} is running")
        self.kept = before["kept"] if before is not None else None
        self._document["kept"] = self.kept
        if not await retry_until_available(
            self._name, lambda: self._documents.compare_and_set(self._name, self._document, before), self._health
        ):
            raise Refused("rebuild_running", f"another rebuild of {self._model} began at the same time")
        self._heartbeat = asyncio.create_task(self._beat(), name=self._name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.wait([self._heartbeat])
        if not isinstance(error, asyncio.CancelledError):
            await self._write({**self._document, "beat": 0, "kept": self.kept})

    async def _beat(self) -> None:
        """Change the document twice a second, until another holder has it."""
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)
            if not await self._write({**self._document, "beat": self._document["beat"] + 1}):
                return

    async def _write(self, document: dict[str, Any]) -> bool:
        async def write() -> bool:
            if await self._documents.compare_and_set(self._name, document, self._document):
                return True
            return await self._documents.pointer(self._name) == document

        if not await retry_until_available(self._name, write, self._health):
            return False
        self._document = document
        return True

    async def _is_alive(self, before: dict[str, Any]) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + DEAD_AFTER_S
        while loop.time() < until:
            await asyncio.sleep(HEARTBEAT_INTERVAL_S / 5)
            if await self._read() != before:
                return True
        return False

    async def _read(self) -> dict[str, Any] | None:
        return await retry_until_available(self._name, lambda: self._documents.pointer(self._name), self._health)
