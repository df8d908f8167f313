"""The servers with faults, as one process sees them: late, down, silent, or failing during a save."""

import asyncio
import random
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from core.ports.documents import Changes, Facet, Fingerprint, Row, Table, TableGeneration, Write
from core.ports.event_log import OutcomeUnknown, Received, Unavailable
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from schemas.envelope import Record
from schemas.topics import Partition
from streams.log.memory import MemoryLog
from tests.simulation.forgetting import ForgetfulDocuments
from tests.simulation.weather import Ledger, Process, Weather


class FlakyLog:
    """The EventLog as one process sees it: appends complete later, in order, and some are never answered."""

    def __init__(self, ledger: Ledger, weather: Weather, process: Process) -> None:
        self._ledger = ledger
        self._weather = weather
        self._process = process
        self._inner = MemoryLog(ledger.storage)
        self._inner._open = True
        self._lands = 0.0
        self._cut = False
        self.on_append: Callable[[Record], None] = lambda _: None

    @property
    def epoch(self) -> int:
        return self._inner.epoch

    async def start(self) -> None:
        await self._inner.start()

    async def stop(self) -> None:
        await self._inner.stop()

    def append(self, record: Record) -> Future[int]:
        loop, weather = asyncio.get_running_loop(), self._weather
        future: Future[int] = loop.create_future()
        if self._process.dead:
            return future
        self.on_append(record)
        if weather.fails("log"):
            loop.call_later(weather.delay(), self._fail, future, Unavailable("the log is down"))
            return future
        unknown = not weather.calm and weather.chance.random() < weather.unknown
        lands = not unknown or weather.chance.random() < 0.5
        self._lands = max(self._lands, loop.time() + weather.delay())
        if lands:
            loop.call_at(self._lands, self._land, record, None if unknown else future)
        if unknown:
            when = loop.time() + 0.2 + weather.delay()
            loop.call_at(when, self._fail, future, OutcomeUnknown("the log did not answer"))
        return future

    def _land(self, record: Record, future: Future[int] | None) -> None:
        """Append a record; the last requests of a dead process may still arrive, each only if the earlier ones did."""
        if self._process.dead and (self._cut or self._weather.chance.random() < 0.5):
            self._cut = True
            return
        at = self._ledger.put(record)
        if future is not None:
            asyncio.get_running_loop().call_later(self._weather.delay(), self._succeed, future, at)

    def _succeed(self, future: Future[int], at: int) -> None:
        if not future.done() and not self._process.dead:
            future.set_result(at)

    def _fail(self, future: Future[int], error: Exception) -> None:
        if not future.done() and not self._process.dead:
            future.set_exception(error)
            future.exception()  # mark it retrieved: its caller may be gone

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncGenerator[Sequence[Received], None]:
        async for batch in self._inner.read(start, until, limit=limit):
            if lag := self._weather.lag():
                await asyncio.sleep(lag)
            self._process.check()
            yield batch

    async def raise_epoch(self, epoch: int) -> None:
        await self._inner.raise_epoch(epoch)

    async def beginning_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        await self._weather.pass_by(self._process, "log")
        return await self._inner.beginning_offsets(partitions)

    async def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        await self._weather.pass_by(self._process, "log")
        return await self._inner.end_offsets(partitions)


class FlakyDocuments:
    """Documents as one process sees them: a save may fail before, after, or with a prefix of it saved."""

    def __init__(
        self, inner: ForgetfulDocuments, weather: Weather, process: Process, watch: Callable[[Changes], None]
    ) -> None:
        self._inner = inner
        self._weather = weather
        self._process = process
        self._watch = watch

    @property
    def life(self) -> int:
        return self._inner.life

    async def start(self, tables: Iterable[Table]) -> None:
        await self._inner.start(tables)

    async def stop(self) -> None:
        await self._inner.stop()

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.get(place, ids)

    async def facets(self, place: TableGeneration, ids: Iterable[str], index: str) -> dict[str, Facet]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.facets(place, ids, index)

    async def save(self, changes: Changes) -> frozenset[str]:
        await self._weather.pass_by(self._process, "documents")
        begun, rest = changes, None
        if (pause := self._weather.delay()) or self._weather.fails("documents"):
            begun, rest = _split(changes, self._weather.chance)
        try:
            made = await self._inner.save(begun)
            if rest is not None:
                await asyncio.sleep(pause)
                self._process.check()
                if not pause:
                    raise Unavailable("the store went down in the middle of it")
                made |= await self._inner.save(rest)
        finally:
            self._watch(changes)
        self._process.check()
        if self._weather.fails("documents"):
            raise Unavailable("the store went down before it answered")
        return made

    async def find(self, place: TableGeneration, index: str, equals: Sequence[str], **how: Any) -> list[Row]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.find(place, index, equals, **how)

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.scan(place, after=after, limit=limit)

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.checkpoints(processor, generation)

    async def fingerprints(self, processor: str, generation: int) -> dict[Partition, Fingerprint]:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.fingerprints(processor, generation)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.pointer(name)

    async def remove(self, place: TableGeneration, ids: Iterable[str]) -> None:
        await self._weather.pass_by(self._process, "documents")
        await self._inner.remove(place, ids)

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        await self._weather.pass_by(self._process, "documents")
        return await self._inner.compare_and_set(name, document, expected)

    async def prepare(self, places: Iterable[TableGeneration]) -> None:
        await self._weather.pass_by(self._process, "documents")
        await self._inner.prepare(places)

    async def drop(self, places: Iterable[TableGeneration], checkpoint: tuple[str, int] | None = None) -> None:
        await self._inner.drop(places, checkpoint)


def _split(changes: Changes, chance: random.Random) -> tuple[Changes, Changes]:
    """Split a save into a random prefix, without its checkpoint, and the rest."""
    left = chance.randint(0, sum(len(writes) for _, writes in (*changes.rows, *changes.heads)))
    parts: list[list[list[tuple[TableGeneration, Sequence[Write]]]]] = []
    for places in (changes.rows, changes.heads):
        parts.append([[], []])
        for place, writes in places:
            parts[-1][0].append((place, writes[:left]))
            parts[-1][1].append((place, writes[left:]))
            left -= min(left, len(writes))
    (rows, more_rows), (heads, more_heads) = parts
    return Changes(rows, heads, base=changes.base), Changes(more_rows, more_heads, changes.checkpoint, changes.base)


class FlakyBus:
    """The Bus as one process sees it: pushes are lost, doubled and late, as the weather decides."""

    def __init__(self, inner: InProcessBus, weather: Weather, process: Process) -> None:
        self._inner = inner
        self._weather = weather
        self._process = process

    async def start(self) -> None:
        """In process."""

    async def stop(self) -> None:
        """In process."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        await self._weather.pass_by(self._process, "bus")
        weather, sent = self._weather, []
        for message in messages:
            roll = 1.0 if weather.calm else weather.chance.random()
            if roll >= weather.lost_hints:
                sent += [message] * (2 if roll < weather.lost_hints * 2 else 1)
        await self._inner.publish(sent)

    async def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        async for payload in self._inner.subscribe(channel):
            self._process.check()
            yield payload


class FlakyPresence:
    """The NodeRegistry as one process sees it."""

    def __init__(self, inner: InProcessNodeRegistry, weather: Weather, process: Process) -> None:
        self._inner = inner
        self._weather = weather
        self._process = process

    async def start(self) -> None:
        """In process."""

    async def stop(self) -> None:
        """In process."""

    async def alive(self, node: str, ttl_s: float) -> bool:
        await self._weather.pass_by(self._process, "bus")
        return await self._inner.alive(node, ttl_s)

    async def enter(self, node: str, conversations: Iterable[str]) -> None:
        await self._weather.pass_by(self._process, "bus")
        await self._inner.enter(node, conversations)

    async def leave(self, node: str, conversations: Iterable[str]) -> None:
        await self._weather.pass_by(self._process, "bus")
        await self._inner.leave(node, conversations)

    async def nodes(self, conversations: Sequence[str]) -> Mapping[str, frozenset[str]]:
        await self._weather.pass_by(self._process, "bus")
        return await self._inner.nodes(conversations)

    async def forget(self, node: str) -> None:
        await self._weather.pass_by(self._process, "bus")
        await self._inner.forget(node)
