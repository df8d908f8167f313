"""Which generation of a read model is the live one: one small document per model, replaced as a whole."""

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
REFRESH_S: Final = 1.0


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """The live workers are asked to finish their batch and wait for a switch. A worker that has waited for `seconds`
    by its own clock takes the pause back.
    """

    request: str
    seconds: float


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """What is live: readers read it, workers write it with effects.

    `newest` was ever begun, `before` was live before (0: none); the versions are of the processor that made them
    (0: not recorded). `turn` counts the switches, so that of two pointers it is known which is the later.
    `effects_from` maps a partition's name to the position from which on this generation has effects.
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
    """Under which name a model's pointer is kept."""
    return f"pointer {model}"


def partition_name(at: Partition) -> str:
    """How `effects_from` names a partition."""
    return f"{at.topic}/{at.number}"


async def read_pointer(documents: Documents, model: str) -> Pointer:
    """The model's pointer as it stands in the store."""
    return _pointer(await documents.pointer(name_of(model)))


async def replace_pointer(documents: Documents, model: str, new: Pointer, old: Pointer) -> bool:
    """Replace the pointer if it is still `old`; whether it was."""
    kept = await documents.pointer(name_of(model))
    if _pointer(kept) != old:
        return False
    document: dict[str, Any] = msgspec.to_builtins(new)
    return await documents.point(name_of(model), document, kept)


async def take_back(documents: Documents, model: str, asked: Pointer) -> Pointer:
    """Take back the pause that was asked for, unless it is over; the pointer then."""
    while (now := await read_pointer(documents, model)).pause == asked.pause:
        await replace_pointer(documents, model, msgspec.structs.replace(now, pause=None), now)
    return now


def _pointer(document: Mapping[str, Any] | None) -> Pointer:
    return Pointer() if document is None else msgspec.convert(dict(document), Pointer)


class Generations:
    """The live generations as this process last read them. Pointers are read one at a time, so that what is read later
    is newer, also where it names an earlier switch: then the store went back in time, and its readers go with it.
    """

    def __init__(self, documents: Documents, models: tuple[str, ...]) -> None:
        self._documents = documents
        self._pointers = {model: Pointer() for model in models}
        self._turns = {model: asyncio.Lock() for model in models}
        self.went_back = 0
        """How often a pointer was an earlier one than before."""

    def live(self, model: str) -> int:
        """The live generation of a model."""
        return self._pointers[model].live

    async def refresh(self) -> None:
        """Read all pointers. Raises `Unavailable`."""
        for model in self._pointers:
            await self._read(model)

    async def at_least(self, model: str, generation: int) -> None:
        """A push named this generation: read the pointer first if it is newer than ours."""
        if generation > self.live(model):
            await self._read(model)

    async def _read(self, model: str) -> None:
        async with self._turns[model]:
            found, known = await read_pointer(self._documents, model), self._pointers[model]
            if found.turn < known.turn:
                self.went_back += 1
                logger.warning(
                    "the store went back: generation %d of %s is live, not %d", found.live, model, known.live
                )
            self._pointers[model] = found

    async def follow(self) -> None:
        """Refresh once a second, for ever; a store that is down is tried again."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)
