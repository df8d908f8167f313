"""Fills a log with messages to process, and records their offsets."""

from dataclasses import dataclass
from typing import Final

from core.ports.event_log import EventLog
from edge.tools.bench.spec import Records
from edge.tools.bench.world import World, append_all
from schemas.topics import Partition, partitions
from streams.processors.messages import Messages

CONVERSATIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Filled:
    """The offsets at which the messages begin and end."""

    start: dict[Partition, int]
    ends: dict[Partition, int]

    @classmethod
    def of(cls, records: Records) -> "Filled":
        """Decode the form that a process receives."""
        return cls(*({Partition(topic, n): at for topic, n, at in some} for some in (records.start, records.ends)))

    @property
    def records(self) -> Records:
        """The form that a process receives."""
        return Records(*([(*at, offset) for at, offset in some.items()] for some in (self.start, self.ends)))

    @property
    def total(self) -> int:
        """Number of messages."""
        return sum(self.ends.values()) - sum(self.start.values())


async def fill(log: EventLog, world: World, records: int) -> Filled:
    """Append `records` messages, in many conversations, to a started log; return their offsets."""
    places = partitions(*Messages.topics)
    start = await log.end_offsets(places)
    ids = [world.conversation_id(f"rows-{n}") for n in range(CONVERSATIONS)]
    await append_all(log, [world.message(ids[n % CONVERSATIONS], n) for n in range(records)])
    return Filled(start, await log.end_offsets(places))
