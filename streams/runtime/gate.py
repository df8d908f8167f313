"""Gate surrounds each batch of a live worker, so that a pause never falls into the middle of a batch.

A pause is requested in the model's pointer. The worker closes its gate, confirms how far each of its partitions is
saved, and waits until the pointer changes: another generation is live, and it goes on there; or the pause is gone. A
worker that has waited as long as the pause may last withdraws it, by compare-and-set: a switch after that fails.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from core.health import Health
from core.ports.documents import DataLost, Documents, StoreBroken, TableGeneration
from core.ports.effects import Durable
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
CHECK_INTERVAL_S: Final = 2.0
MAX_EMITTING: Final = 8
"""Maximum number of batches whose effects become durable while a runner applies the next batch."""


def confirmation_of(model: str, at: Partition) -> str:
    """Return the name under which the worker of a partition confirms a pause: `{request, position}`."""
    return f"paused {model} {at.topic} {at.number}"


async def confirmed_at(documents: Documents, model: str, at: Partition, pause: Pause | None) -> int | None:
    """Return the position at which the worker of a partition pauses; None: it has not confirmed this pause."""
    confirmation = await documents.pointer(confirmation_of(model, at))
    if confirmation is None or pause is None or confirmation["request"] != pause.request:
        return None
    found: int = confirmation["position"]
    return found


async def require_tables(
    processor: Processor, documents: Documents, generation: int, what: str, health: Health
) -> None:
    """Raises `DataLost` where a table of this generation is gone; waits for a store that is down, as `what`."""
    for table in processor.tables:
        place = TableGeneration(table, generation)
        await retry_until_available(what, lambda: documents.get(place, ["-"]), health)  # noqa: B023 - awaited here


def _always() -> bool:
    return True


class Gate:
    """The gate of one worker that has begun. `assigned` returns the partitions of this worker; `all_emitted` whether
    everything saved has also been emitted: the gate does not close before, nor while a batch's effects become durable.
    """

    def __init__(
        self,
        worker: Worker,
        assigned: Callable[[], Iterable[Partition]],
        all_emitted: Callable[[], bool] = _always,
    ) -> None:
        self._worker = worker
        self._documents = worker.documents
        self._health = worker.health
        self._assigned = assigned
        self._all_emitted = all_emitted
        self._checked_assignment: frozenset[Partition] = frozenset()
        self._emitting = 0
        self._lock = asyncio.Lock()

    async def work(self, received: Sequence[Received]) -> None:
        """Apply one batch when the gate is open; when it returns, all of it is saved and emitted. Raises
        `StoreBehindLog`.
        """
        await (await self.begin_batch(received))()

    async def begin_batch(self, received: Sequence[Received]) -> Durable:
        """Apply one batch when the gate is open; when it returns, all of it is saved, and its effects are being
        emitted. Raises `StoreBehindLog`.

        Before the first batch of a new assignment the pointer is read: the previous worker of these partitions may
        have confirmed a pause. While the generation cannot be folded on, because its rows are lost or contradict each
        other, the batch waits, readiness reports why, and a switch to another generation ends it.
        """
        generation, broken = self._worker.generation, f"{self._worker.processor.name}: rows"
        while True:
            try:
                durable = await self._begin_batch(received)
            except (DataLost, StoreBroken, Inconsistent) as error:
                self._report_blocked(broken, error)
                await asyncio.sleep(BROKEN_POLL_S)
            else:
                self._health.goes_on(broken)
                return partial(self._emitted, durable)
            if self._worker.generation != generation:
                self._health.goes_on(broken)
                raise StoreBehindLog(f"generation {generation} was replaced by {self._worker.generation}")

    async def _begin_batch(self, received: Sequence[Received]) -> Durable:
        async with self._lock:
            assigned = frozenset(self._assigned())
            if assigned != self._checked_assignment:
                await self._apply_pointer(await self._pointer())
                self._checked_assignment = assigned
            durable = await self._worker.begin_batch(received)
            self._emitting += 1
            return durable

    async def _emitted(self, durable: Durable) -> None:
        """Return when the effects of a batch that passed are durable."""
        await durable()
        self._emitting -= 1

    async def watch(self) -> None:
        """Read the pointer ten times a second until cancelled, and apply it; check every two seconds whether the
        tables, and what the processor keeps beside them, still exist, even without new records. Raises
        `StoreBehindLog`.
        """
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            pointer = await self._pointer()
            wait = POLL_S
            if loop.time() - checked >= CHECK_INTERVAL_S:
                await self._check_tables()
                checked = loop.time()
            if pointer.version == 0:
                await self._replace(pointer, version=self._worker.processor.version)
            elif pointer.live != self._worker.generation or pointer.pause is not None:
                async with self._lock:
                    wait = await self._apply_pointer(pointer)
            await asyncio.sleep(wait)

    async def _check_tables(self) -> None:
        """Check whether the live generation's tables exist; readiness reports lost ones. The processor repairs what it
        keeps beside them.
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
            self._report_blocked(lost, error)
        else:
            self._health.goes_on(lost)

    def _report_blocked(self, check: str, error: Exception) -> None:
        """Report why the worker is blocked: in readiness as long as it lasts, in the log once."""
        if check not in self._health.waiting:
            logger.error("%s cannot go on: %s", self._worker.processor.name, error)
            self._worker.count_drift(not isinstance(error, StoreBroken))
        self._health.waits(check, error)

    async def _apply_pointer(self, pointer: Pointer) -> float:
        """Wait while a pause is requested, go on in the live generation; return when to look again. Needs the lock."""
        if pointer.pause is not None and pointer.live == self._worker.generation:
            while self._emitting:  # noqa: ASYNC110 - no batch begins meanwhile: the lock is held
                await asyncio.sleep(CLOSED_POLL_S)
            if not self._all_emitted():
                return CLOSED_POLL_S
            pointer = await self._pause(pointer.pause)
        if pointer.live != self._worker.generation:
            await self._switch_generation(pointer.live)
        return POLL_S

    async def _pause(self, pause: Pause) -> Pointer:
        """Confirm the pause, wait until it is over, and return the pointer."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._confirm(pause)
        while True:
            pointer = await self._pointer()
            if pointer.pause is None or pointer.pause.request != pause.request:
                logger.info("%s was paused for %.0f ms", self._worker.processor.name, (loop.time() - began) * 1000)
                return pointer
            if loop.time() - began >= pause.seconds:
                logger.warning("%s withdraws a pause that was not ended", self._worker.processor.name)
                self._health.count(f"{self._worker.processor.name}_pauses_taken_back")
                await self._replace(pointer, pause=None)
            else:
                await asyncio.sleep(CLOSED_POLL_S)

    async def _confirm(self, pause: Pause) -> None:
        saved, epoch, model = await self._worker.saved(), self._worker.epoch, self._worker.processor.name
        async with asyncio.TaskGroup() as tasks:
            for at in self._assigned():
                confirmation = {"request": pause.request, "position": position(epoch, saved.get(at, 0))}
                tasks.create_task(
                    self._write_confirmation(confirmation_of(model, at), confirmation), name=f"confirm-{model}"
                )

    async def _write_confirmation(self, name: str, confirmation: dict[str, Any]) -> None:
        async def write() -> bool:
            return await self._documents.compare_and_set(name, confirmation, await self._documents.pointer(name))

        while not await retry_until_available(self._waits_for, write, self._health):
            pass  # another worker wrote at the same time

    async def _switch_generation(self, generation: int) -> None:
        """Go on in another generation; a worker that is ahead of it has to start again from its checkpoint."""
        name = self._worker.processor.name
        offsets = {at: self._worker.next.get(at, 0) for at in self._assigned()}
        saved = await self._worker.begin(generation, self._worker.epoch)
        logger.info("%s goes on in generation %d", name, generation)
        beyond = {at: offset for at, offset in offsets.items() if offset > saved.get(at, 0)}
        if beyond:
            raise StoreBehindLog(f"{name}: is at {beyond}, generation {generation} is saved up to {saved}")

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
