"""One rebuild of a model at a time: who runs one says so in a document that it keeps changing.

No clock is compared: whoever finds the document watches whether it still changes. A tool that died left it still, and
the next one takes it over. This only spares work: that two never switch is the pointer's compare-and-set.
"""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

from core.health import Health
from core.ports.documents import Documents
from core.retry import retry_until_available

BEAT_S: Final = 0.5
DEAD_AFTER_S: Final = 3.0


class Refused(Exception):
    """It cannot be done, and nothing was changed: `code` says why to programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Lease:
    """Held while the block lasts. `kept` is what the last holder left behind for the next one."""

    def __init__(self, documents: Documents, model: str, request: str, health: Health) -> None:
        self.kept: dict[str, Any] | None = None
        self._documents = documents
        self._name = f"rebuild {model}"
        self._model = model
        self._health = health
        self._said: dict[str, Any] = {"request": request, "beat": 1, "kept": None}
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises `Refused`."""
        before = await self._look()
        if before is not None and before["beat"] and await self._moves(before):
            raise Refused("rebuild_running", f"another rebuild of {self._model} is running")
        self.kept = before["kept"] if before is not None else None
        self._said["kept"] = self.kept
        if not await retry_until_available(
            self._name, lambda: self._documents.point(self._name, self._said, before), self._health
        ):
            raise Refused("rebuild_running", f"another rebuild of {self._model} began at the same time")
        self._beating = asyncio.create_task(self._beat(), name=self._name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        if not isinstance(error, asyncio.CancelledError):
            await self._say({**self._said, "beat": 0, "kept": self.kept})

    async def _beat(self) -> None:
        """Change the document twice a second, until somebody else has it."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not await self._say({**self._said, "beat": self._said["beat"] + 1}):
                return

    async def _say(self, document: dict[str, Any]) -> bool:
        async def say() -> bool:
            if await self._documents.point(self._name, document, self._said):
                return True
            return await self._documents.pointer(self._name) == document

        if not await retry_until_available(self._name, say, self._health):
            return False
        self._said = document
        return True

    async def _moves(self, before: dict[str, Any]) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + DEAD_AFTER_S
        while loop.time() < until:
            await asyncio.sleep(BEAT_S / 5)
            if await self._look() != before:
                return True
        return False

    async def _look(self) -> dict[str, Any] | None:
        return await retry_until_available(self._name, lambda: self._documents.pointer(self._name), self._health)
