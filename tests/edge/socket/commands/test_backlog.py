"""A user with an equal share of too much that is unpersisted waits; nobody else does, and nobody for long."""

import asyncio
import json
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import Unavailable
from edge.socket.commands.backlog import MAX_WAIT_S, MIN_UNPERSISTED, Backlog, BacklogLimits
from projections.generations import Generations
from projections.progress import Progress
from projections.stores.memory import MemoryDocuments
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.memory import MemoryLog
from tests.eventually import eventually

AT = Partition(MESSAGE_SENT, 0)


class Documents(MemoryDocuments):
    """A store that can be down."""

    down = False

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        if self.down:
            raise Unavailable("the store is down")
        return await super().checkpoints(processor, generation)


class Senders:
    """A backlog, and users who send: the log has each command at once, the read model when it is saved."""

    def __init__(self, **limits: int) -> None:
        self.documents = Documents()
        self.health = Health()
        progress = Progress(self.documents, Generations(self.documents, ("messages",)), MemoryLog())
        self.backlog = Backlog(progress, self.health, BacklogLimits(**limits))
        self.warned: list[dict[str, Any]] = []
        self._end = 0

    async def send(self, user: str, count: int = 1, conversation: str = "room") -> None:
        for _ in range(count):
            await self.backlog.wait_for_room(user, conversation, self._warn)
            self.append(user, conversation).set_result(self._end)
            self._end += 1
            await asyncio.sleep(0)

    def append(self, user: str, conversation: str = "room") -> Future[int]:
        append: Future[int] = asyncio.get_running_loop().create_future()
        self.backlog.add(user, conversation, "messages", AT, append)
        return append

    async def save(self, count: int | None = None) -> None:
        """Save the commands before number `count`: None: all."""
        end = self._end if count is None else count
        await self.documents.save(Changes([], [], Checkpoint("messages", 1, {AT: end})))

    def _warn(self, frame: bytes) -> None:
        self.warned.append(json.loads(frame))


@asynccontextmanager
async def senders(**limits: int) -> AsyncIterator[Senders]:
    found = Senders(**limits)
    following = asyncio.create_task(found.backlog.follow())
    try:
        yield found
    finally:
        following.cancel()


async def test_nobody_waits_while_little_is_unpersisted() -> None:
    async with senders() as found:
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("ann", MIN_UNPERSISTED)
        assert found.warned == []
        assert found.backlog.unpersisted == MIN_UNPERSISTED


async def test_sender_of_too_much_is_warned_and_waits_until_enough_is_saved() -> None:
    async with senders() as found:
        await found.send("ann", MIN_UNPERSISTED)
        waiting = asyncio.create_task(found.send("ann"))
        await eventually(lambda: bool(found.warned))
        assert found.warned == [{"type": "slow_down", "data": {"unpersisted": MIN_UNPERSISTED, "own": MIN_UNPERSISTED}}]
        assert not waiting.done()
        await found.save()
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await waiting
        await found.save()
        await eventually(lambda: found.backlog.unpersisted == 0)
        assert 0 < found.health.counted["backpressure_ms"] < MAX_WAIT_S * 1000


async def test_who_has_less_than_an_equal_share_does_not_wait() -> None:
    async with senders() as found:
        await found.send("ann", MIN_UNPERSISTED)
        flooding = asyncio.create_task(found.send("ann", 2))
        await eventually(lambda: bool(found.warned))
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("bob", 3)
        assert not flooding.done()
        assert len(found.warned) == 1
        flooding.cancel()


async def test_flood_of_one_conversation_does_not_slow_others() -> None:
    async with senders(conversation=16) as found:
        await found.send("ann", 8, "one")
        await found.send("bob", 8, "one")
        flooding = asyncio.create_task(found.send("ann", 1, "one"))
        await eventually(lambda: bool(found.warned))
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("ann", 1, "another")
            await found.send("cy", 1, "one")
        assert not flooding.done()
        flooding.cancel()


async def test_command_waits_no_longer_than_two_seconds() -> None:
    async with senders(node=1) as found:
        await found.send("ann")
        began = asyncio.get_running_loop().time()
        await found.send("ann")
        assert asyncio.get_running_loop().time() - began == pytest.approx(MAX_WAIT_S, abs=0.5)
        assert found.health.counted["backpressure_ms"] == pytest.approx(MAX_WAIT_S * 1000, abs=500)


async def test_nobody_waits_while_the_checkpoints_cannot_be_read() -> None:
    async with senders(node=1) as found:
        await found.send("ann")
        found.documents.down = True
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("ann", 10)
        found.documents.down = False
        await eventually(lambda: found.backlog._is_over("ann", "room"))
        await found.save()
        await eventually(lambda: found.backlog.unpersisted == 0)


async def test_without_limits_nobody_waits_and_nothing_is_counted() -> None:
    async with senders(node=0, conversation=0) as found:
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("ann", 2 * MIN_UNPERSISTED)
        assert (found.backlog.unpersisted, found.warned) == (0, [])


async def test_conversations_are_limited_alone() -> None:
    async with senders(node=0, conversation=4) as found:
        await found.send("ann", 4, "one")
        async with asyncio.timeout(MAX_WAIT_S / 2):
            await found.send("ann", 4, "another")
        waiting = asyncio.create_task(found.send("ann", 1, "one"))
        await eventually(lambda: bool(found.warned))
        assert not waiting.done()
        waiting.cancel()


async def test_failed_append_is_given_back() -> None:
    async with senders() as found:
        appends = [found.append("ann") for _ in range(3)]
        appends[0].set_exception(Unavailable("the log is down"))
        appends[1].cancel()
        await eventually(lambda: found.backlog.unpersisted == 1)
        appends[2].set_result(0)
        await found.save(1)
        await eventually(lambda: found.backlog.unpersisted == 0)
        assert found.backlog._conversations == {}


async def test_as_many_go_on_as_there_is_room_for() -> None:
    async with senders(node=4) as found:
        await found.send("ann", 4)
        waiting = [asyncio.create_task(found.send("ann")) for _ in range(20)]
        await eventually(lambda: len(found.warned) == 20)
        await found.save(2)
        await eventually(lambda: sum(task.done() for task in waiting) == 2)
        assert found.backlog.unpersisted == 4

        async def all_sent() -> bool:
            await found.save()
            return all(task.done() for task in waiting)

        await eventually(all_sent)


async def test_gauge_shows_what_is_unpersisted() -> None:
    async with senders() as found:
        await found.send("ann", 3)
        assert found.health.gauges() == {"unpersisted": 3}
        await found.save()
        await eventually(lambda: found.health.gauges() == {"unpersisted": 0})
