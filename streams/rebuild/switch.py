"""The switch: pause the live workers, bring the candidate to exactly where they stand, replace one document.

Everything from the asking on has one bound in time. Whatever goes wrong, the pause is taken back and the pointer then
says which generation is live; a tool that dies leaves that to the workers.
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
from projections.generations import Pause, Pointer, partition_name, read_pointer, replace_pointer, take_back
from schemas.topics import Partition, partitions
from streams.runtime.gate import confirmed_at
from streams.runtime.processor import Processor

logger: Final = logging.getLogger("caas.switch")
T = TypeVar("T")
POLL_S: Final = 0.01

Stands = Mapping[Partition, int]
"""The next offset of each partition."""


class CalledOff(Exception):
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

    async def make(self, ready: Callable[[Stands], Awaitable[None]]) -> float:
        """Pause, let `ready` bring the candidate to where the live workers stand, switch; how long it took, in ms.

        `ready` may raise: then the pause is taken back, and that is raised. Raises `CalledOff`.
        """
        loop = asyncio.get_running_loop()
        asked, began = await self._ask(), loop.time()
        failed: Exception | None = None
        try:
            async with asyncio.timeout(self.pause_s):
                stands = await self._confirmed(asked)
                await ready(stands)
                await self._replace(asked, stands)
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                await take_back(self.documents, self.processor.name, asked)
            raise
        except TimeoutError:
            failed = CalledOff(f"it took more than {self.pause_s} s")
        except Exception as error:  # noqa: BLE001 - raised again below, when the workers go on
            failed = error
        if await self._withdrawn(asked):
            raise failed or CalledOff("the workers took the pause back")
        return (loop.time() - began) * 1000

    async def _ask(self) -> Pointer:
        """The pointer with our pause in it."""
        pause = Pause(request=str(uuid4()), seconds=self.pause_s)
        old = await self._pointer()
        if self.candidate not in {old.newest, old.before}:
            raise CalledOff("another rebuild has begun since")
        asked = msgspec.structs.replace(old, pause=pause)
        await self._patiently(lambda: replace_pointer(self.documents, self.processor.name, asked, old))
        if await self._pointer() != asked:
            raise CalledOff("another rebuild has begun since")
        return asked

    async def _confirmed(self, asked: Pointer) -> dict[Partition, int]:
        """Wait until each partition is confirmed by the worker that holds it; where they stand."""
        stands: dict[Partition, int] = {}
        missing = set(partitions(*self.processor.topics))
        while missing:
            for at in sorted(missing):
                said = await self._patiently(
                    lambda: confirmed_at(self.documents, self.processor.name, at, asked.pause)  # noqa: B023 - awaited
                )
                if said is not None:
                    stands[at] = offset_of(said)
            if missing := missing - stands.keys():
                await self._or_call_off(asked)
                await asyncio.sleep(POLL_S)
        return stands

    async def _or_call_off(self, asked: Pointer) -> None:
        if await self._pointer() != asked:
            raise CalledOff("the workers took the pause back")

    async def _replace(self, asked: Pointer, stands: Stands) -> None:
        """The moment: one document. A worker that went on beyond what was confirmed forbids it."""
        model = self.processor.name
        saved = await self._patiently(lambda: self.documents.checkpoints(model, asked.live))
        wanted = {at: position(self.epoch, offset) for at, offset in stands.items()}
        if any(saved.get(at, 0) > where for at, where in wanted.items()):
            raise CalledOff("a worker went on that had confirmed the pause")
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
        await self._patiently(lambda: replace_pointer(self.documents, model, new, asked))

    async def _withdrawn(self, asked: Pointer) -> bool:
        """Make sure that our pause is over; whether the old generation is live still."""
        now = await self._patiently(lambda: take_back(self.documents, self.processor.name, asked))
        return now.live != self.candidate

    async def _pointer(self) -> Pointer:
        return await self._patiently(lambda: read_pointer(self.documents, self.processor.name))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry_until_available(f"{self.processor.name}: switch", call, self.health)
