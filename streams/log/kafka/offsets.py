"""Coalesced joins concurrent queries for offsets, and never answers one with a request that is older than the query."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.ports.event_log import Unavailable
from schemas.topics import Partition
from streams.log.kafka.client import DOWN, topic_partitions

DEADLINE_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Request:
    answer: asyncio.Future[dict[Partition, int]]
    wanted: set[Partition] = field(default_factory=set)


class Coalesced:
    """Sends one request to Kafka at a time; all queries that come meanwhile share the next one.

    A request is sent after all the queries it answers. A leader answers ListOffsets with the high watermark, and
    confirms an append (`acks=all`) only once its high watermark has passed it; a new leader answers "not available"
    until its own has caught up (KIP-207), which the client retries. No transactions are used, so the high watermark is
    the end. (A broker that was frozen may answer with an old state until it learns that it is no longer the leader; a
    client that noticed the freeze asks its successor.)
    """

    def __init__(self, ask: Callable[[list[Any]], Awaitable[Mapping[Any, int]]]) -> None:
        self._ask = ask
        self._next: _Request | None = None
        self._wake = asyncio.Event()

    async def __call__(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset of each partition. Raises `Unavailable` after 2 s."""
        wanted = frozenset(partitions)
        if not wanted:
            return {}
        if self._next is None:
            self._next = _Request(asyncio.get_running_loop().create_future())
            self._wake.set()
        request = self._next
        request.wanted |= wanted
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await asyncio.shield(request.answer)
        except TimeoutError:
            raise Unavailable(f"Kafka did not return its offsets within {DEADLINE_S:.0f} s") from None
        return {at: found[at] for at in wanted}

    async def serve(self) -> None:
        """Send requests until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (asked := self._next) is not None:
                self._next = None
                await self._answer(asked)

    async def _answer(self, asked: _Request) -> None:
        try:
            found = await self._ask(topic_partitions(asked.wanted))
        except DOWN as error:
            asked.answer.set_exception(Unavailable(f"Kafka: {error!r}"))
            asked.answer.exception()  # all callers may have timed out
        else:
            asked.answer.set_result({Partition(at.topic, at.partition): offset for at, offset in found.items()})
