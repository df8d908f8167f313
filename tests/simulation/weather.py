"""Weather decides by the seed which faults occur between processes and servers; Ledger records the log's history."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from core.ports.event_log import Received, Unavailable
from schemas.envelope import Record
from schemas.topics import Partition, partition_of
from streams.log.memory import LogStorage


class Process:
    """A process that can be killed: once dead, nothing it still does reaches the world."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False

    def check(self) -> None:
        if self.dead:
            raise asyncio.CancelledError(f"{self.name} is dead")


@dataclass
class Weather:
    """The fault rates of this seed. `down` has the servers that are down; `calm` ends all faults."""

    chance: random.Random
    slow: float
    long_s: float
    unavailable: float
    unknown: float
    lost_hints: float
    lag_s: float
    forgets: int
    calm: bool = False
    down: set[str] = field(default_factory=set)

    def delay(self) -> float:
        """Return the seconds until a server answers: mostly 0, sometimes very long."""
        roll = self.chance.random()
        if self.calm or roll > self.slow:
            return 0.0
        return self.chance.random() * (self.long_s if roll < self.slow / 12 else 0.02)

    def lag(self) -> float:
        """Return the seconds by which a reader is late with a batch."""
        return 0.0 if self.calm or self.chance.random() > 0.4 else self.chance.random() * self.lag_s

    def fails(self, server: str) -> bool:
        """Return whether this call finds its server down."""
        return not self.calm and (server in self.down or self.chance.random() < self.unavailable)

    async def pass_by(self, process: Process, server: str) -> None:
        """Simulate the way to a server. Raises `Unavailable`."""
        if delay := self.delay():
            await asyncio.sleep(delay)
        process.check()
        if self.fails(server):
            raise Unavailable(f"{server} is down")


class Ledger:
    """The log's history: `order` has every record in the order of appends, `times` their times per partition."""

    def __init__(self, storage: LogStorage) -> None:
        self.storage = storage
        self.order: list[Received] = []
        self.clock: list[float] = []
        self.times: dict[Partition, list[float]] = {}
        self.on_put: list[Callable[[str], None]] = []

    def put(self, record: Record) -> int:
        at = self.storage.put(record)
        place = partition_of(record.topic, record.key)
        self.order.append(self.storage.records[place][-1])
        self.clock.append(asyncio.get_running_loop().time())
        self.times.setdefault(place, []).append(self.clock[-1])
        for wake in self.on_put:
            wake(record.topic)
        return at

    @property
    def moment(self) -> int:
        """The number of records now."""
        return len(self.order)
