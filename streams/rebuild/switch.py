"""Switch pauses the live workers, brings the candidate to exactly their offsets, and replaces one document.

Everything after the request has one time limit. Whatever fails, the pause is withdrawn, and the pointer then says which
generation is live; if the tool dies, the workers withdraw it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import uuid4

import msgspec

from core.health import Health
from core.ports.documents import Documents
from core.ports.event_log import Unavailable
from core.positions import offset_of, position
from core.retry import retry_until_available
from projections.generations import Pause, Pointer, cancel_pause, partition_name, read_pointer, replace_pointer
from schemas.topics import Partition, partitions
from streams.runtime.gate import confirmed_at
from streams.runtime.processor import Processor

logger: Final = logging.getLogger("caas.switch")
T = TypeVar("T")
POLL_INTERVAL_S: Final = 0.01

Offsets = Mapping[Partition, int]
"""The next offset of each partition."""


class SwitchAborted(Exception):
    """The switch did not happen, and nothing changed."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Makes `candidate` the live generation of the processor's model. `epoch` is the log's."""

    processor: Processor
    documents: Documents
    health: Health
    epoch: int
    candidate: int
    pause_s: float

    async def make(self, ready: Callable[[Offsets], Awaitable[None]]) -> float:
        """Pause, let `ready` bring the candidate to the offsets of the live workers, switch; return the time it took,
        in ms.

        `ready` may raise: then the pause is withdrawn, and that is raised. Raises `SwitchAborted`.
        """
        loop = asyncio.get_running_loop()
        asked, began = await self._ask(), loop.time()
        failed: Exception | None = None
        try:
            async with asyncio.timeout(self.pause_s):
                offsets = await self._confirmed(asked)
                await ready(offsets)
                await self._replace(asked, offsets)
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                await cancel_pause(self.documents, self.processor.name, asked)
            raise
        except TimeoutError:
            failed = SwitchAborted(f"it took more than {self.pause_s} s")
        except Exception as error:  # noqa: BLE001 - raised again below, when the workers go on
            failed = error
        if await self._withdrawn(asked):
            raise failed or SwitchAborted("the workers withdrew the pause")
        return (loop.time() - began) * 1000

    async def _ask(self) -> Pointer:
        """Write our pause to the pointer, and return it."""
        pause = Pause(request=str(uuid4()), seconds=self.pause_s)
        old = await self._pointer()
        if self.candidate not in {old.newest, old.before}:
            raise SwitchAborted("another rebuild has begun since")
        asked = msgspec.structs.replace(old, pause=pause)
        await self._retry(lambda: replace_pointer(self.documents, self.processor.name, asked, old))
        if await self._pointer() != asked:
            raise SwitchAborted("another rebuild has begun since")
        return asked

    async def _confirmed(self, asked: Pointer) -> dict[Partition, int]:
        """Wait until the worker of each partition confirms the pause, and return their offsets."""
        offsets: dict[Partition, int] = {}
        missing = set(partitions(*self.processor.topics))
        while missing:
            for at in sorted(missing):
                confirmed = await self._retry(
                    lambda: confirmed_at(self.documents, self.processor.name, at, asked.pause)  # noqa: B023 - awaited
                )
                if confirmed is not None:
                    offsets[at] = offset_of(confirmed)
            if missing := missing - offsets.keys():
                await self._or_call_off(asked)
                await asyncio.sleep(POLL_INTERVAL_S)
        return offsets

    async def _or_call_off(self, asked: Pointer) -> None:
        if await self._pointer() != asked:
            raise SwitchAborted("the workers withdrew the pause")

    async def _replace(self, asked: Pointer, offsets: Offsets) -> None:
        """Replace the pointer, one document. A worker that went on beyond what it confirmed forbids it."""
        model = self.processor.name
        saved = await self._retry(lambda: self.documents.checkpoints(model, asked.live))
        wanted = {at: position(self.epoch, offset) for at, offset in offsets.items()}
        if any(saved.get(at, 0) > where for at, where in wanted.items()):
            raise SwitchAborted("a worker went on that had confirmed the pause")
        new = msgspec.structs.replace(
            asked,
            live=self.candidate,
            before=asked.live,
            version=self.processor.version,
            before_version=asked.version,
            turn=asked.turn + 1,
            pause=None,
            effects_from={partition_name(at): where for at, where in wanted.items()},
        )
        await self._retry(lambda: replace_pointer(self.documents, model, new, asked))

    async def _withdrawn(self, asked: Pointer) -> bool:
        """Ensure that our pause is over, and return whether the old generation is still live."""
        now = await self._retry(lambda: cancel_pause(self.documents, self.processor.name, asked))
        return now.live != self.candidate

    async def _pointer(self) -> Pointer:
        return await self._retry(lambda: read_pointer(self.documents, self.processor.name))

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry_until_available(f"{self.processor.name}: switch", call, self.health)
