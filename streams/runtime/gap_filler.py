"""GapFiller reads from the log what a reader leaves out: every batch is applied without gaps, and none waits for the
next record.

A rebalance at the wrong moment makes Faust go on behind records that it never delivered, a group's offset may be ahead
of a store restored from a backup, a consumer may stop permanently. All of it has the same symptom: a checkpoint is
behind what was delivered, or stays behind the log's end while nothing is delivered.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from core.ports.effects import Durable, already_durable
from core.ports.event_log import EventLog, Received
from core.retry import retry_until_available
from schemas.topics import Partition
from streams.runtime.gate import Gate
from streams.runtime.lineage import EndsWatch
from streams.runtime.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.whole")
CHECK_INTERVAL_S: Final = 1.0
MAX_ATTEMPTS: Final = 5


class GapFiller:
    """Applies records through a gate, and first what lies between the checkpoints and them."""

    def __init__(self, gate: Gate, worker: Worker, log: EventLog, check_interval_s: float = CHECK_INTERVAL_S) -> None:
        self._gate = gate
        self._worker = worker
        self._log = log
        self._check_interval_s = check_interval_s
        self._reading = asyncio.Lock()

    async def begin_batch(self, records: Sequence[Received]) -> Durable:
        """Apply these records; when it returns, all are saved, and their effects are being emitted. Raises
        `StoreBehindLog` where another generation is live, and behind them.
        """
        try:
            return await self._gate.begin_batch(records)
        except StoreBehindLog as behind:
            logger.warning("reading again from the log: %s", behind)
        ends, begins = {record.at(): record.offset + 1 for record in records}, dict[Partition, int]()
        for record in records:
            begins.setdefault(record.at(), record.offset)
        await self._read_up_to(ends, begins)  # also what has been saved: it may not have been emitted
        return already_durable

    async def watch(self, assigned: Callable[[], Iterable[Partition]], idle: Callable[[], bool]) -> None:
        """Read, until cancelled, records of these partitions that are in the log and are not delivered. `idle`: nothing
        delivered waits.

        Records are overlooked if they were there at one check and are not saved at the second check after it. Raises
        `LogMismatch` where the log ends before what is saved.
        """
        checks: list[dict[Partition, tuple[int, int]]] = [{}, {}]
        watch = EndsWatch(self._worker.processor.name)
        while True:
            await asyncio.sleep(self._check_interval_s)
            now = await self._behind(list(assigned()), watch) if idle() else {}
            still = {at: end for at, (saved, end) in checks[0].items() if _unchanged(at, saved, checks[1], now)}
            checks = [checks[1], now]
            if still:
                self._worker.health.count(f"{self._worker.processor.name}_overlooked", len(still))
                logger.warning("%s: %s was not delivered, reading the log", self._worker.processor.name, still)
                await self._read_up_to(still, {})

    async def _behind(self, places: Sequence[Partition], watch: EndsWatch) -> dict[Partition, tuple[int, int]]:
        """Return the checkpoint and the log's end of each partition where they differ. Raises `LogMismatch`."""
        name = self._worker.processor.name
        saved = await self._worker.saved()  # before the ends: else records appended meanwhile look like a short log
        ends = await retry_until_available(f"{name}: ends", lambda: self._log.end_offsets(places), self._worker.health)
        watch.check(ends, saved)
        return {at: (saved.get(at, 0), end) for at, end in ends.items() if saved.get(at, 0) < end}

    async def _read_up_to(self, ends: Mapping[Partition, int], begins: Mapping[Partition, int]) -> None:
        """Apply what the log has from the checkpoints, or from `begins` where that is before them, up to `ends`; start
        again from the checkpoints where the store goes back meanwhile. Raises `StoreBehindLog` after too many attempts.
        """
        async with self._reading:
            for left in reversed(range(MAX_ATTEMPTS)):
                saved = await self._worker.saved()
                offsets = {at: min(saved.get(at, 0), begins.get(at, end)) for at, end in ends.items()}
                begins = offsets  # a batch that was saved and then interrupted has not been emitted
                start = {at: offset for at, offset in offsets.items() if offset < ends[at]}
                try:
                    if start:
                        async for batch in self._log.read(start, {at: ends[at] for at in start}):
                            await self._gate.work(batch)
                except StoreBehindLog as behind:
                    if not left:
                        raise
                    logger.warning("reading once more from the log: %s", behind)
                else:
                    return


def _unchanged(at: Partition, saved: int, *checks: Mapping[Partition, tuple[int, int]]) -> bool:
    return all(at in check and check[at][0] == saved for check in checks)
