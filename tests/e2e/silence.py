"""Sends messages steadily to several clients, and measures the longest time without a message for any of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from edge.sdk.python.caas_client import Client, MessageNew
from tests.eventually import eventually

SEND_INTERVAL_S = 0.05


@dataclass
class Listener:
    """The messages that one client received, and their times."""

    client: Client
    received: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def listen(self) -> None:
        async for event in self.client.events():
            if isinstance(event, MessageNew):
                self.received.append(event.n)
                self.times.append(time.monotonic())

    def longest_silence(self, since: float) -> float:
        """Return the longest time between two messages after `since`."""
        times = [since, *(at for at in self.times if at > since)]
        return max(later - sooner for sooner, later in pairwise(times))


@dataclass
class SteadyTalk:
    """One speaker sends twenty messages a second until it is over."""

    speaker: Client
    room: str
    listeners: Sequence[Listener]
    said: int = 0
    over: bool = False

    async def go_on(self) -> None:
        answers = []
        while not self.over:
            answers.append(self.speaker.send(self.room, str(self.said)))
            self.said += 1
            await asyncio.sleep(SEND_INTERVAL_S)
        await asyncio.gather(*answers)

    async def goes_on(self) -> None:
        """Return when each listener has received another second's messages."""
        received = [len(listener.received) + 20 for listener in self.listeners]

        def more() -> bool:
            return all(len(one.received) > count for one, count in zip(self.listeners, received, strict=True))

        await eventually(more, within=60)

    def longest_silence(self, since: float) -> float:
        return max(listener.longest_silence(since) for listener in self.listeners)


@asynccontextmanager
async def steady_talk(speaker: Client, clients: Sequence[Client]) -> AsyncIterator[SteadyTalk]:
    """Run a steady talk. At the end, check that each client received all messages once and in order."""
    users = [client.user_id for client in clients]
    room = (await speaker.create(participants=users)).conversation_id
    talk = SteadyTalk(speaker, room, [Listener(client) for client in clients])
    listening = [asyncio.create_task(listener.listen()) for listener in talk.listeners]
    talking = asyncio.create_task(talk.go_on())
    await talk.goes_on()
    yield talk
    talk.over = True
    await talking
    for listener in talk.listeners:
        await eventually(lambda: len(listener.received) >= talk.said, within=30)  # noqa: B023 - awaited here
        assert listener.received == list(range(1, talk.said + 1))
    for task in listening:
        task.cancel()
