"""Whatever a reader leaves out is read from the log: a batch is worked whole, and nobody waits for the next record.

A rebalance at the wrong moment makes Faust go on behind records that it never gave anybody, a group may stand beyond
a store restored from a backup, a consumer may stand still for ever. All of it looks the same from here: a checkpoint
is behind what was given, or stays behind the log's end while nothing is given.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from core.ports.event_log import EventLog, Received
from core.retry import retry_until_available
from schemas.topics import Partition
from streams.runtime.gate import Gate
from streams.runtime.lineage import EndsWatch
from streams.runtime.worker import StoreBehindLog, Worker

logger: Final = logging.getLogger("caas.whole")
LOOK_S: Final = 1.0
TRIES: Final = 5


class GapFiller:
    """Works records through a gate, with whatever lies between them and the checkpoints."""

    def __init__(self, gate: Gate, worker: Worker, log: EventLog, look_s: float = LOOK_S) -> None:
        self._gate = gate
        self._worker = worker
        self._log = log
        self._look_s = look_s
        self._reading = asyncio.Lock()

    async def work(self, records: Sequence[Received]) -> None:
        """Take these through. Raises `StoreBehindLog` where another generation is live, and behind them."""
        try:
            await self._gate.work(records)
        except StoreBehindLog as behind:
            logger.warning("reading again from the log: %s", behind)
        else:
            return
        ends, begins = {record.at(): record.offset + 1 for record in records}, dict[Partition, int]()
        for record in records:
            begins.setdefault(record.at(), record.offset)
        await self._read_up_to(ends, begins)  # also what has been saved: nobody knows whether it was emitted

    async def watch(self, held: Callable[[], Iterable[Partition]], idle: Callable[[], bool]) -> None:
        """For ever: of these partitions, read what is in the log and nobody gives. `idle`: nothing given waits.

        Records are overlooked that were there at one look and are not saved at the second after it. Raises
        `LogMismatch` where the log ends before what is saved.
        """
        looks: list[dict[Partition, tuple[int, int]]] = [{}, {}]
        watch = EndsWatch(self._worker.processor.name)
        while True:
            await asyncio.sleep(self._look_s)
            now = await self._behind(list(held()), watch) if idle() else {}
            still = {at: end for at, (saved, end) in looks[0].items() if _stood(at, saved, looks[1], now)}
            looks = [looks[1], now]
            if still:
                self._worker.health.count(f"{self._worker.processor.name}_overlooked", len(still))
                logger.warning("%s: nobody gives %s, reading the log", self._worker.processor.name, still)
                await self._read_up_to(still, {})

    async def _behind(self, places: Sequence[Partition], watch: EndsWatch) -> dict[Partition, tuple[int, int]]:
        """Where each checkpoint and the log's end stand, of those that are apart. Raises `LogMismatch`."""
        name = self._worker.processor.name
        saved = await self._worker.saved()  # before the ends: what is appended and saved meanwhile is no short log
        ends = await retry_until_available(f"{name}: ends", lambda: self._log.ends(places), self._worker.health)
        watch.look(ends, saved)
        return {at: (saved.get(at, 0), end) for at, end in ends.items() if saved.get(at, 0) < end}

    async def _read_up_to(self, ends: Mapping[Partition, int], begins: Mapping[Partition, int]) -> None:
        """Work what the log has between the checkpoints, or `begins` where that is before them, and there; from the
        checkpoints anew where the store goes back meanwhile. Raises `StoreBehindLog` where that does not end.
        """
        async with self._reading:
            for left in reversed(range(TRIES)):
                saved = await self._worker.saved()
                stands = {at: min(saved.get(at, 0), begins.get(at, end)) for at, end in ends.items()}
                begins = stands  # a batch that was saved and then broken off has not been emitted
                start = {at: offset for at, offset in stands.items() if offset < ends[at]}
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


def _stood(at: Partition, saved: int, *looks: Mapping[Partition, tuple[int, int]]) -> bool:
    return all(at in look and look[at][0] == saved for look in looks)
