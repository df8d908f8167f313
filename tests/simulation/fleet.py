"""The workers of one processor: they share its partitions, lose them in the middle of a batch, crash and restart.

As in a Kafka consumer group a new owner starts at the acknowledged offset; a worker that lost a partition finishes its
batch and may not acknowledge it. As with Faust fetched records may stay queued.
"""

import asyncio
from asyncio import Future, Task
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from core.health import Health
from core.ports.event_log import Received
from projections.stores.memory import MemoryDocuments
from schemas.topics import Partition, partitions
from streams.runtime.gate import MAX_EMITTING
from streams.runtime.plain_runner import Emitting
from streams.runtime.worker import StoreBehindLog, Worker
from tests.simulation.indexes import checked
from tests.simulation.weather import Ledger, Process, Weather

Build = Callable[[Process, Health], Worker]


class Group:
    """One processor's consumer group. `complain` is called with errors that no worker may ever have."""

    def __init__(
        self,
        name: str,
        topics: tuple[str, ...],
        ledger: Ledger,
        store: MemoryDocuments,
        weather: Weather,
        complain: Callable[[str], None],
    ) -> None:
        self.name = name
        self.places = partitions(*topics)
        self.ledger = ledger
        self.store = store
        self.weather = weather
        self.complain = complain
        self.members: list[Member] = []
        self.owner: dict[Partition, Member] = {}
        self.acknowledged: dict[Partition, int] = dict.fromkeys(self.places, 0)
        self.counted: Counter[str] = Counter()
        self._waiting: list[Future[None]] = []
        ledger.on_put.append(lambda topic: self.wake() if topic in topics else None)

    async def grown(self) -> None:
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def rebalance(self) -> None:
        """Reassign the partitions to the live members."""
        living = [member for member in self.members if member.task is not None]
        chance = self.weather.chance
        for place in self.places if living else ():
            owner = chance.choice(living)
            before = self.owner.get(place)
            if before is owner:
                continue
            if before is not None:
                before.lose(place, keep=chance.random() < 0.5)
            self.owner[place] = owner
            owner.fetched[place] = self.acknowledged[place]
        self.wake()

    def acknowledge(self, member: "Member", done: dict[Partition, int]) -> None:
        for place, offset in done.items():
            if self.owner.get(place) is member:
                self.acknowledged[place] = max(self.acknowledged[place], offset)

    async def look(self) -> None:
        """Repeatedly set back members that are ahead of the store's checkpoints (streams/runtime/gap_filler.py)."""
        while True:
            await asyncio.sleep(1.0)
            for place in self.places:
                saved = self.saved(place)
                if saved < self.acknowledged[place]:
                    self.acknowledged[place] = saved
                    if (owner := self.owner.get(place)) is not None and place in owner.fetched:
                        owner.queue = [record for record in owner.queue if record.at() != place]
                        owner.done.pop(place, None)
                        owner.fetched[place] = saved
                        self.wake()

    def saved(self, place: Partition) -> int:
        """Return the checkpoint of a partition."""
        position: int = self.store._checkpoints.get((self.name, 1), {}).get(place, 0)
        return position & ((1 << 48) - 1)

    @property
    def caught_up(self) -> bool:
        ends = self.ledger.storage.end_offsets(self.places)
        return all(min(self.acknowledged[place], self.saved(place)) >= end for place, end in ends.items())


@dataclass(eq=False)
class Member:
    """One worker, through all its restarts."""

    group: Group
    name: str
    build: Build
    process: Process = field(default_factory=lambda: Process("not yet"))
    task: Task[None] | None = None
    fetched: dict[Partition, int] = field(default_factory=dict)
    queue: list[Received] = field(default_factory=list)
    done: dict[Partition, int] = field(default_factory=dict)
    lives: int = 0

    def start(self) -> None:
        self.lives += 1
        self.process = Process(f"{self.name}.{self.lives}")
        self.task = asyncio.get_running_loop().create_task(self.life(), name=self.process.name)
        self.group.rebalance()

    def crash(self) -> None:
        """Lose everything in memory; the other members notice later."""
        task, self.task = self.task, None
        self.process.dead = True
        self.queue, self.fetched, self.done = [], {}, {}
        for place in [place for place, owner in self.group.owner.items() if owner is self]:
            del self.group.owner[place]
        if task is not None:
            task.cancel()

    def lose(self, place: Partition, *, keep: bool) -> None:
        self.fetched.pop(place, None)
        self.done.pop(place, None)
        if not keep:
            self.queue = [record for record in self.queue if record.at() != place]

    async def life(self) -> None:
        try:
            worker = self.build(self.process, Health())
            await worker.begin(1, self.group.ledger.storage.epoch)
            loop, emitting = asyncio.get_running_loop(), Emitting(MAX_EMITTING)
            checking = loop.create_task(self.check(worker), name=f"{self.process.name} checks")
            emits = loop.create_task(self.emit(emitting), name=f"{self.process.name} emits")
            try:
                while True:
                    await self.turn(worker, emitting)
            finally:
                checking.cancel()
                emits.cancel()
        except StoreBehindLog:
            self.group.counted["store behind log"] += 1
            asyncio.get_running_loop().call_later(0.1, self.again, self.process)
        except Exception as error:
            self.group.complain(f"{self.process.name} died of {error!r}")

    async def check(self, worker: Worker) -> None:
        try:
            await checked(worker)
        except Exception as error:
            self.group.complain(f"{self.process.name} checks and died of {error!r}")

    async def emit(self, emitting: Emitting) -> None:
        """Note one batch after another as done, when its effects are durable."""
        try:
            while True:
                batch, durable = await emitting.get()
                await durable()
                self.done |= {record.at(): record.offset + 1 for record in batch}
                self.group.wake()
        except Exception as error:
            self.group.complain(f"{self.process.name} emits and died of {error!r}")

    def again(self, process: Process) -> None:
        if process is self.process and not process.dead:
            self.crash()
            self.start()

    async def turn(self, worker: Worker, emitting: Emitting) -> None:
        self.fetch()
        weather = self.group.weather
        if weather.calm or weather.chance.random() < 0.6:
            self.group.acknowledge(self, self.done)
        if not self.queue:
            await self.group.grown()
            return
        count = len(self.queue) if weather.calm else weather.chance.randint(1, 12)
        batch, self.queue = self.queue[:count], self.queue[count:]
        await emitting.put((batch, await worker.begin_batch(batch)))

    def fetch(self) -> None:
        records, chance = self.group.ledger.storage.records, self.group.weather.chance
        for place, offset in self.fetched.items():
            found = records[place]
            if offset < len(found):
                stop = len(found) if self.group.weather.calm else min(len(found), offset + chance.randint(1, 10))
                self.queue += found[offset:stop]
                self.fetched[place] = stop
