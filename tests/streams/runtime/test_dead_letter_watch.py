"""Dead letters are counted by processor as long as their topic keeps them."""

import msgspec

from core.health import Health
from core.ports.event_log import Received
from schemas.envelope import Record
from schemas.topics import DEAD_LETTER, MESSAGE_SENT
from streams.log.memory import MemoryLog
from streams.runtime.dead_letter_watch import OTHER, DeadLetterWatch
from streams.runtime.record_decoder import dead_letter
from tests.streams.world import said, stored

HOUR_S, DAY_S = 3_600.0, 86_400.0
BEGIN_S = 1_000 * DAY_S


class TimedLog(MemoryLog):
    """A log that says when it got a record: at `now` seconds."""

    now = BEGIN_S

    async def read(self, start, until=None, *, limit=1000):  # type: ignore[no-untyped-def]
        async for batch in super().read(start, until, limit=limit):
            yield [msgspec.structs.replace(one, timestamp_ms=round(self.now * 1000)) for one in batch]


class Watched:
    """A watch of the processors `messages` and `search`, its log and its clock."""

    def __init__(self) -> None:
        self.log = TimedLog()
        self.watch = DeadLetterWatch(self.log, Health(), ("messages", "search"), lambda: self.log.now)

    async def died(self, processor: str) -> None:
        await self.log.append(dead_letter(torn(), processor, "unreadable", "torn"))

    def depth(self) -> dict[str, float]:
        return {name: count for (name,), count in self.watch._depth().items()}

    def oldest(self) -> dict[str, float]:
        return {name: age for (name,), age in self.watch._oldest().items()}


def torn() -> Received:
    return stored(said("room", 1))


async def watched() -> Watched:
    found = Watched()
    await found.log.start()
    return found


async def test_without_dead_letters_every_processor_has_none() -> None:
    world = await watched()
    await world.watch.look()
    assert world.depth() == world.oldest() == {"messages": 0, "search": 0}


async def test_dead_letters_are_counted_once_by_their_processor() -> None:
    world = await watched()
    for processor in ("messages", "search", "messages"):
        await world.died(processor)
    await world.watch.look()
    await world.watch.look()
    assert world.depth() == {"messages": 2, "search": 1}
    world.log.now += 90
    assert world.oldest() == {"messages": 90, "search": 90}
    await world.died("search")
    await world.watch.look()
    assert world.depth() == {"messages": 2, "search": 2}
    assert world.oldest() == {"messages": 90, "search": 90}


async def test_record_of_nobody_we_know_is_of_others() -> None:
    world = await watched()
    await world.died("somebody/else")
    await world.log.append(Record(topic=DEAD_LETTER, key=b"k", value=b"", headers=()))
    await world.watch.look()
    assert world.depth() == {"messages": 0, "search": 0, OTHER: 2}


async def test_dead_letter_that_its_topic_has_deleted_is_not_counted() -> None:
    world = await watched()
    await world.died("messages")
    await world.watch.look()
    world.log.now += 31 * DAY_S
    assert (world.depth()["messages"], world.oldest()["messages"]) == (0, 0)


async def test_other_topics_are_not_read() -> None:
    world = await watched()
    await world.log.append(said("room", 1))
    await world.watch.look()
    assert MESSAGE_SENT not in {at.topic for at in world.watch._next}
