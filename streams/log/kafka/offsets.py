"""Ends are asked for by many at once and answered together, never by a request older than the question."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.ports.event_log import Unavailable
from schemas.topics import Partition
from streams.log.kafka.client import DOWN, topic_partitions

DEADLINE_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Round:
    answer: asyncio.Future[dict[Partition, int]]
    wanted: set[Partition] = field(default_factory=set)


class Coalesced:
    """One question to Kafka at a time; all who ask meanwhile share the next one.

    A question is sent after everyone it answers has asked. Asked of a leader, ListOffsets tells the high watermark,
    and a leader confirms an append (`acks=all`) only once its high watermark has passed it; a new leader answers
    "not available" until its own has caught up (KIP-207), which is asked again inside. No transactions are used, so
    the high watermark is the end. (A broker that was frozen may answer with what it last knew, for the moment until
    it hears that it leads no more; a client that noticed the freeze asks its successor.)
    """

    def __init__(self, ask: Callable[[list[Any]], Awaitable[Mapping[Any, int]]]) -> None:
        self._ask = ask
        self._next: _Round | None = None
        self._wake = asyncio.Event()

    async def __call__(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset of each partition. Raises `Unavailable` after 2 s."""
        wanted = frozenset(partitions)
        if not wanted:
            return {}
        if self._next is None:
            self._next = _Round(asyncio.get_running_loop().create_future())
            self._wake.set()
        mine = self._next
        mine.wanted |= wanted
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await asyncio.shield(mine.answer)
        except TimeoutError:
            raise Unavailable(f"Kafka did not tell its offsets within {DEADLINE_S:.0f} s") from None
        return {at: found[at] for at in wanted}

    async def serve(self) -> None:
        """Ask, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (asked := self._next) is not None:
                self._next = None
                await self._answer(asked)

    async def _answer(self, asked: _Round) -> None:
        try:
            found = await self._ask(topic_partitions(asked.wanted))
        except DOWN as error:
            asked.answer.set_exception(Unavailable(f"Kafka: {error!r}"))
            asked.answer.exception()  # those who asked may all have given up
        else:
            asked.answer.set_result({Partition(at.topic, at.partition): offset for at, offset in found.items()})
