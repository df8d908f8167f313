"""The gate: a live worker works each batch inside it, so that whoever asks for a pause finds no batch in the middle.

A pause is asked in the model's pointer. The worker closes its gate, confirms how far each of its partitions is saved,
and waits until the pointer changes: another generation is live, and it goes on there; or the pause is gone. A worker
that has waited as long as the pause may last takes it back itself, by compare-and-set: a switch after that fails.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from core.health import Health
from core.ports.documents import DataLost, Documents, StoreBroken, TableGeneration
from core.ports.event_log import Received
from core.positions import position
from core.retry import retry_until_available
from projections.facts import Inconsistent
from projections.generations import Pause, Pointer, read_pointer, replace_pointer
from schemas.topics import Partition
from streams.runtime.processor import Processor, SelfChecking
from streams.runtime.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.gate")
POLL_S: Final = 0.1
CLOSED_POLL_S: Final = 0.02
BROKEN_POLL_S: Final = 1.0
CHECK_S: Final = 2.0


def confirmation_of(model: str, at: Partition) -> str:
    """Under which name the worker that holds a partition confirms a pause: `{request, position}`."""
    return f"paused {model} {at.topic} {at.number}"


async def confirmed_at(documents: Documents, model: str, at: Partition, pause: Pause | None) -> int | None:
    """The position at which the worker that holds a partition pauses; None: it has not confirmed this pause."""
    said = await documents.pointer(confirmation_of(model, at))
    if said is None or pause is None or said["request"] != pause.request:
        return None
    found: int = said["position"]
    return found


async def require_tables(
    processor: Processor, documents: Documents, generation: int, what: str, health: Health
) -> None:
    """Raises `DataLost` where a table of this generation is gone; a store that is down is waited for, as `what`."""
    for table in processor.tables:
        place = TableGeneration(table, generation)
        await retry_until_available(what, lambda: documents.get(place, ["-"]), health)  # noqa: B023 - awaited here


def _always() -> bool:
    return True


class Gate:
    """Stands before one worker that has begun. `held` says which partitions are this worker's now; `settled` whether
    everything saved was also emitted by now: not before does the gate close.
    """

    def __init__(
        self,
        worker: Worker,
        held: Callable[[], Iterable[Partition]],
        settled: Callable[[], bool] = _always,
    ) -> None:
        self._worker = worker
        self._documents = worker.documents
        self._health = worker.health
        self._held = held
        self._settled = settled
        self._looked_for: frozenset[Partition] = frozenset()
        self._lock = asyncio.Lock()

    async def work(self, received: Sequence[Received]) -> None:
        """Take one batch through when the gate is open. Raises `StoreBehindLog`.

        Before the first batch of a new assignment the pointer is read: who held these partitions before may have
        confirmed a pause. While the generation cannot be folded on, because its rows are lost or contradict each
        other, the batch waits, readiness says why, and a switch to another generation ends it.
        """
        generation, broken = self._worker.generation, f"{self._worker.processor.name}: rows"
        while True:
            try:
                await self._work(received)
            except (DataLost, StoreBroken, Inconsistent) as error:
                self._cannot_go_on(broken, error)
                await asyncio.sleep(BROKEN_POLL_S)
            else:
                self._health.goes_on(broken)
                return
            if self._worker.generation != generation:
                self._health.goes_on(broken)
                raise StoreBehindLog(f"generation {generation} was replaced by {self._worker.generation}")

    async def _work(self, received: Sequence[Received]) -> None:
        async with self._lock:
            held = frozenset(self._held())
            if held != self._looked_for:
                await self._heed(await self._pointer())
                self._looked_for = held
            await self._worker.work(received)

    async def watch(self) -> None:
        """Look at the pointer ten times a second, for ever, and heed it; and now and then whether the tables, and what
        the processor keeps beside them, are still there, also while nothing comes. Raises `StoreBehindLog`.
        """
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            pointer = await self._pointer()
            wait = POLL_S
            if loop.time() - checked >= CHECK_S:
                await self._check_tables()
                checked = loop.time()
            if pointer.version == 0:
                await self._replace(pointer, version=self._worker.processor.version)
            elif pointer.live != self._worker.generation or pointer.pause is not None:
                async with self._lock:
                    wait = await self._heed(pointer)
            await asyncio.sleep(wait)

    async def _check_tables(self) -> None:
        """Whether the live generation's tables are there; readiness says which are lost. What is kept beside them is
        mended.
        """
        processor, generation = self._worker.processor, self._worker.generation
        lost = f"{processor.name}: tables"
        try:
            await require_tables(processor, self._documents, generation, self._waits_for, self._health)
            if isinstance(processor, SelfChecking):
                await retry_until_available(
                    f"{processor.name}: check", lambda: processor.check(generation), self._health
                )
        except DataLost as error:
            self._cannot_go_on(lost, error)
        else:
            self._health.goes_on(lost)

    def _cannot_go_on(self, check: str, error: Exception) -> None:
        """Say so: readiness as long as it lasts, the log once."""
        if check not in self._health.waiting:
            logger.error("%s cannot go on: %s", self._worker.processor.name, error)
        self._health.waits(check, error)

    async def _heed(self, pointer: Pointer) -> float:
        """Inside the lock: wait while a pause is asked, go on in the live generation; when to look again."""
        if pointer.pause is not None and pointer.live == self._worker.generation:
            if not self._settled():
                return CLOSED_POLL_S
            pointer = await self._closed(pointer.pause)
        if pointer.live != self._worker.generation:
            await self._change_over(pointer.live)
        return POLL_S

    async def _closed(self, pause: Pause) -> Pointer:
        """Confirm, and wait until this pause is over; the pointer then."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._confirm(pause)
        while True:
            pointer = await self._pointer()
            if pointer.pause is None or pointer.pause.request != pause.request:
                logger.info("%s was paused for %.0f ms", self._worker.processor.name, (loop.time() - began) * 1000)
                return pointer
            if loop.time() - began >= pause.seconds:
                logger.warning("%s takes a pause back that nobody ended", self._worker.processor.name)
                self._health.count(f"{self._worker.processor.name}_pauses_taken_back")
                await self._replace(pointer, pause=None)
            else:
                await asyncio.sleep(CLOSED_POLL_S)

    async def _confirm(self, pause: Pause) -> None:
        saved, epoch, model = await self._worker.saved(), self._worker.epoch, self._worker.processor.name
        async with asyncio.TaskGroup() as tasks:
            for at in self._held():
                said = {"request": pause.request, "position": position(epoch, saved.get(at, 0))}
                tasks.create_task(self._say(confirmation_of(model, at), said), name=f"confirm-{model}")

    async def _say(self, name: str, said: dict[str, Any]) -> None:
        async def say() -> bool:
            return await self._documents.point(name, said, await self._documents.pointer(name))

        while not await retry_until_available(self._waits_for, say, self._health):
            pass  # another worker said something at the same time

    async def _change_over(self, generation: int) -> None:
        """Go on in another generation; where this worker stands beyond it, it has to start again from there."""
        name = self._worker.processor.name
        stood = {at: self._worker.next.get(at, 0) for at in self._held()}
        saved = await self._worker.begin(generation, self._worker.epoch)
        logger.info("%s goes on in generation %d", name, generation)
        beyond = {at: offset for at, offset in stood.items() if offset > saved.get(at, 0)}
        if beyond:
            raise StoreBehindLog(f"{name}: stands at {beyond}, generation {generation} is saved up to {saved}")

    async def _pointer(self) -> Pointer:
        model = self._worker.processor.name
        return await retry_until_available(self._waits_for, lambda: read_pointer(self._documents, model), self._health)

    async def _replace(self, old: Pointer, **fields: object) -> None:
        model, new = self._worker.processor.name, msgspec.structs.replace(old, **fields)
        await retry_until_available(
            self._waits_for, lambda: replace_pointer(self._documents, model, new, old), self._health
        )

    @property
    def _waits_for(self) -> str:
        return f"{self._worker.processor.name}: pointer"
