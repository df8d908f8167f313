"""Keeps track of each read model's live generation: one small document per model, replaced as a whole."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from schemas.topics import Partition

logger: Final = logging.getLogger("caas.generations")
REFRESH_INTERVAL_S: Final = 1.0


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the live workers to finish their batch and wait for a switch. A worker that has waited for
    `seconds` by its own clock cancels the pause.
    """

    request: str
    seconds: float


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Names the live generation, which is read by readers, and written by workers with effects.

    `newest` is the last generation begun, `before` the previous live one (0: none); the versions are those of the
    processor that built them (0: not recorded). `turn` counts the switches: of two pointers the greater is the later.
    `effects_from` maps a partition's name to the position from which this generation has effects.
    """

    live: int = 1
    newest: int = 1
    before: int = 0
    version: int = 0
    before_version: int = 0
    turn: int = 0
    pause: Pause | None = None
    effects_from: dict[str, int] = {}


def name_of(model: str) -> str:
    """Return the name under which a model's pointer is stored."""
    return f"pointer {model}"


def partition_name(at: Partition) -> str:
    """Return the key of a partition in `effects_from`."""
    return f"{at.topic}/{at.number}"


async def read_pointer(documents: Documents, model: str) -> Pointer:
    """Return the model's pointer from the store."""
    return _pointer(await documents.pointer(name_of(model)))


async def replace_pointer(documents: Documents, model: str, new: Pointer, old: Pointer) -> bool:
    """Replace the pointer if it is still `old`; return whether it was."""
    kept = await documents.pointer(name_of(model))
    if _pointer(kept) != old:
        return False
    document: dict[str, Any] = msgspec.to_builtins(new)
    return await documents.compare_and_set(name_of(model), document, kept)


async def cancel_pause(documents: Documents, model: str, requested: Pointer) -> Pointer:
    """Remove the pause of `requested` if it is still there; return the current pointer."""
    while (now := await read_pointer(documents, model)).pause == requested.pause:
        await replace_pointer(documents, model, msgspec.structs.replace(now, pause=None), now)
    return now


def _pointer(document: Mapping[str, Any] | None) -> Pointer:
    return Pointer() if document is None else msgspec.convert(dict(document), Pointer)


class Generations:
    """Holds the live generations as this process last read them. Reads of one pointer never overlap, so a later read is
    newer. If it names an earlier switch the store went back in time, and this process follows it.
    """

    def __init__(self, documents: Documents, models: tuple[str, ...]) -> None:
        self._documents = documents
        self._pointers = {model: Pointer() for model in models}
        self._locks = {model: asyncio.Lock() for model in models}
        self.went_back = 0
        """Number of reads that found an earlier pointer than the read before."""

    def live(self, model: str) -> int:
        """Return the live generation of a model."""
        return self._pointers[model].live

    async def refresh(self) -> None:
        """Read all pointers. Raises `Unavailable`."""
        for model in self._pointers:
            await self._read(model)

    async def at_least(self, model: str, generation: int) -> None:
        """Read the pointer if `generation`, which a push named, is newer than the known one. Raises `Unavailable`."""
        if generation > self.live(model):
            await self._read(model)

    async def _read(self, model: str) -> None:
        async with self._locks[model]:
            found, known = await read_pointer(self._documents, model), self._pointers[model]
            if found.turn < known.turn:
                self.went_back += 1
                logger.warning(
                    "the store went back: generation %d of %s is live, not %d", found.live, model, known.live
                )
            self._pointers[model] = found

    async def follow(self) -> None:
        """Refresh every second until cancelled; a store that is down is tried again."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await asyncio.sleep(REFRESH_INTERVAL_S)
