"""LaneChannels delivers the lanes of all conversations, or of all users, of one node: in order, each number once.

A push that is next is delivered at once. For any other the rows are read: the row of a push was saved before it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from core.health import Health
from core.outages import REPEATS
from core.ports.event_log import Unavailable
from edge.socket.channels.channel_state import CLOSED, LIVE, Job, Late, Opening, Positions, Recover, State, order
from edge.socket.channels.delivery_meter import DeliveryMeter
from edge.socket.channels.gap_recovery import GapRecovery
from edge.socket.channels.jobs import Jobs, Spawn
from edge.socket.channels.lane_channel import LaneChannel
from edge.socket.channels.lane_source import LaneSource
from edge.socket.channels.store_reads import StoreReads
from edge.socket.channels.subscriber import Subscriber
from edge.socket.delivery.node_registration import NodeRegistration
from projections.queries.lanes import HEADS_BATCH_SIZE, Lanes
from schemas.wire.frames import Push

logger: Final = logging.getLogger("caas.hub")
OPENED_AT_ONCE: Final = 500
"""Maximum number of channels that a login opens in one turn of the loop."""

C = TypeVar("C", bound=LaneChannel)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the channels of both kinds share on one node. `look_soon` polls heads soon: a push may be lost."""

    lanes: Lanes
    registration: NodeRegistration
    store_reads: StoreReads
    health: Health
    meter: DeliveryMeter
    spawn: Spawn
    look_soon: Callable[[], None]


class LaneChannels(Generic[C]):
    """The channels of one kind on one node. `make` makes one of a name; it raises `LookupError` for an unknown one."""

    def __init__(self, source: LaneSource, shared: Shared, make: Callable[[str, State], C]) -> None:
        self._source = source
        self._registration = shared.registration
        self._lanes = shared.lanes
        self._health = shared.health
        self._meter = shared.meter
        self._spawn = shared.spawn
        self._look_soon = shared.look_soon
        self._make = make
        self._channels: dict[str, C] = {}
        reading = source, shared.lanes, shared.store_reads
        recovery = GapRecovery(*reading, meter=shared.meter, health=shared.health, look_soon=shared.look_soon)
        self._jobs = Jobs(recovery, self.settle, shared.look_soon, shared.health, shared.spawn)

    @property
    def names(self) -> Collection[str]:
        """The names of the channels."""
        return self._channels.keys()

    def get(self, name: str) -> C | None:
        """Return the channel of this name, if it has a subscriber on this node."""
        return self._channels.get(name)

    # Pushes

    def deliver(self, name: str, push: Push) -> None:
        """Deliver a numbered push in the channel of this name."""
        channel = self._channels.get(name)
        if channel is None:
            self._health.count("push_unwanted")
            return
        if channel.state is LIVE:
            where = order(channel.last, push.lane, push.n)
            if where == "duplicate":
                self._health.count("push_duplicate")
                return
            known = push.conversation_n <= channel.version and self._lanes.knows(push.model, push.generation)
            if where == "next" and known:
                self._meter.delivered(push, channel.deliver(push.lane, push))
                self.settle(channel)
                return
        self.begin(channel, push)

    def begin(self, channel: LaneChannel, job: Job) -> None:
        """Do a job of a channel when the ones before it are done."""
        self._jobs.begin(channel, job)

    # Opening and closing

    async def all_open(self, names: Collection[str]) -> bool:
        """Return whether all of these channels are open; if not, after some waiting: then names may have changed.

        What is missing is opened. It does not wait for a store that is down: a channel is late then. It is not
        interrupted between the last look and its return.
        """
        missing = [name for name in names if name not in self._channels]
        for start in range(0, len(missing), OPENED_AT_ONCE):
            await self.open(self.create(missing[start : start + OPENED_AT_ONCE]))
            await asyncio.sleep(0)
        states = (channel.state for name in names if (channel := self._channels.get(name)) is not None)
        opening = next((state for state in states if isinstance(state, Opening)), None)
        if opening is not None:
            await asyncio.shield(opening.opened)
        return not missing and opening is None

    def create(self, names: Iterable[str]) -> list[C]:
        """Return new channels for those of these names that have none; their pushes wait until they are open."""
        opened = asyncio.get_running_loop().create_future()
        new = {name: self._make(name, Opening(opened)) for name in names if name not in self._channels}
        self._channels |= new
        return list(new.values())

    def open_soon(self, channel: C) -> None:
        """Open a new channel in a task; close it if the subscriber that joins has ended meanwhile."""

        async def work() -> None:
            await self.open([channel])
            self._close_empty(channel)

        self._spawn(f"open {channel.id}", work())

    async def open(self, channels: Sequence[C]) -> None:
        """Register new channels with the processors, and read their heads after that: so no row is missed."""
        names, heads = [channel.id for channel in channels], dict[str, dict[str, int]]()
        try:
            await self._registration.enter(names)
            heads = await self._source.heads(names)
        except Unavailable as error:
            logger.warning("%d channels open without the heads of their lanes: %s", len(names), error, extra=REPEATS)
        finally:
            for channel in channels:
                self._opened(channel, heads.get(channel.id, {}))
            if channels and not heads:
                self._look_soon()

    def _opened(self, channel: C, heads: dict[str, int]) -> None:
        if not isinstance(channel.state, Opening):
            return
        opened = channel.state.opened
        if heads:
            channel.last = heads
            self._jobs.opened(channel)
        else:
            channel.change(Late(channel.state.queue))
        if not opened.done():
            opened.set_result(None)

    def close_unused(self, names: Iterable[str]) -> None:
        """Close those of these channels that have no subscriber."""
        for name in names:
            if (channel := self._channels.get(name)) is not None:
                self._close_empty(channel)

    def add(self, name: str, subscriber: Subscriber) -> None:
        """Add a subscriber to the open channel of this name."""
        self._channels[name].add(subscriber)

    def remove(self, channel: C, subscriber: Subscriber) -> None:
        """Remove a subscriber that has ended."""
        channel.remove(subscriber)
        self._close_empty(channel)

    def settle(self, channel: LaneChannel) -> None:
        """Remove subscribers that have received all up to their leave, and close a channel that this leaves empty: one
        without subscribers may have been opened by a login that has not joined yet.
        """
        if channel.remove_finished():
            self._close_empty(channel)

    def _close_empty(self, channel: LaneChannel) -> None:
        if channel.empty and self._channels.get(channel.id) is channel:
            channel.change(CLOSED)
            del self._channels[channel.id]
            self._registration.leave(channel.id)

    # Heads

    async def see_heads(self, channels: Iterable[LaneChannel]) -> None:
        """Read the heads of those that are late: their lanes begin at these or before. Raises `Unavailable`."""
        late = [channel for channel in channels if isinstance(channel.state, Late) and not channel.state.heads]
        if late:
            heads = await self._source.heads([channel.id for channel in late])
            for channel in late:
                channel.note_heads(heads[channel.id])

    async def find_undelivered(self) -> dict[str, dict[str, int]]:
        """Return the heads, as they are in the store, that this node has not delivered. Raises `Unavailable`."""
        names, found = list(self._channels), dict[str, dict[str, int]]()
        for start in range(0, len(names), HEADS_BATCH_SIZE):
            found |= self.undelivered(await self._source.heads(names[start : start + HEADS_BATCH_SIZE]))
        return found

    def undelivered(self, heads: Mapping[str, Positions]) -> dict[str, dict[str, int]]:
        """Return those of these heads that this node has not delivered; of a late channel all, which notes them."""
        found: dict[str, dict[str, int]] = {}
        for name, lanes in heads.items():
            channel = self._channels.get(name)
            if channel is None or isinstance(channel.state, Opening):
                continue
            channel.note_heads(lanes)
            late, last = isinstance(channel.state, Late), channel.last
            if missing := {lane: head for lane, head in lanes.items() if late or head > last.get(lane, head)}:
                found[name] = missing
        return found

    def recover(self, heads: Mapping[str, Positions], life: int) -> None:
        """Deliver rows that no push delivered, up to heads of this life of the store; a late channel begins now."""
        for name, lanes in heads.items():
            channel = self._channels.get(name)
            if channel is None:
                continue
            if channel.begin_lanes():
                self._jobs.opened(channel)
            if not isinstance(channel.state, Late):
                self.begin(channel, Recover(lanes, life))
