"""Which generation of a read model is the live one: one small document per model, replaced as a whole."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.ports.documents import Documents
from core.ports.event_log import Unavailable

REFRESH_S: Final = 1.0


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """The live workers are asked to finish their batch and wait for a switch; after `deadline` (Unix seconds) they
    may call it off.
    """

    request: str
    deadline: float


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """What is live: readers read it, workers write it with effects. `newest` was ever begun; `pause` is asked."""

    live: int = 1
    newest: int = 1
    pause: Pause | None = None
    effects_from: dict[str, int] = {}


def name_of(model: str) -> str:
    """Under which name a model's pointer is kept."""
    return f"pointer {model}"


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


def _pointer(document: Mapping[str, Any] | None) -> Pointer:
    return Pointer() if document is None else msgspec.convert(dict(document), Pointer)


class Generations:
    """The live generations as this process last read them."""

    def __init__(self, documents: Documents, models: tuple[str, ...]) -> None:
        self._documents = documents
        self._pointers = {model: Pointer() for model in models}

    def live(self, model: str) -> int:
        """The live generation of a model."""
        return self._pointers[model].live

    async def refresh(self) -> None:
        """Read all pointers. Raises `Unavailable`."""
        for model in self._pointers:
            self._pointers[model] = await read_pointer(self._documents, model)

    async def at_least(self, model: str, generation: int) -> None:
        """A push named this generation: read the pointer first if it is newer than ours."""
        if generation > self.live(model):
            self._pointers[model] = await read_pointer(self._documents, model)

    async def follow(self) -> None:
        """Refresh once a second, for ever; a store that is down is tried again."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)
