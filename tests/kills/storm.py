"""Crowd is a thousand real clients that reconnect by themselves and record what they receive, and sends for them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.wire import Event
from edge.tools.bench.gathering import Chances
from edge.tools.bench.spec import Circle, Seat

WRITES_EVERY_S = 0.04
RECONNECT_S = 120
MAX_CONCURRENT = 50


@dataclass
class Member:
    """One client: the last number it received in each conversation, and its faults."""

    urls: Sequence[str]
    token: str
    session: aiohttp.ClientSession

    last: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    healed: int = 0

    def __post_init__(self) -> None:
        self.line = Line(self.urls, self.token, session=self.session, listener=self.receive, patience=RECONNECT_S)

    def receive(self, event: Event) -> None:
        """Record an event, as an application gets it."""
        if event.type == "reset":
            self.faults.append(f"reset: {event}")
        if event.lane == "sent":
            conversation = event.data["conversation_id"]
            last = self.last.get(conversation, 0)
            if event.n != last + 1:
                self.faults.append(f"{event.n} after {last} in {conversation}")
            self.last[conversation] = event.n or 0
            self.healed += event.healed


class Crowd:
    """All clients. `said` counts the sends that were accepted in each circle."""

    def __init__(self, members: Sequence[Member], circles: Sequence[Circle]) -> None:
        self.members = members
        self.circles = circles
        self.said: Counter[int] = Counter()
        self.quiet = False

    def connected(self) -> int:
        """Return how many are connected."""
        return sum(member.line.connected for member in self.members)

    def missing(self) -> int:
        """Return how many deliveries are missing."""
        return sum(
            self.said[number] - self.members[seat].last.get(circle.conversation_id, 0)
            for number, circle in enumerate(self.circles)
            for seat in circle.members
        )

    async def talk(self) -> None:
        """Send until `quiet`, whatever the connections do; return when every send was accepted."""
        chances = Chances(self.circles, "storm")
        async with asyncio.TaskGroup() as sending:
            number = 0
            while not self.quiet:
                number += 1
                sending.create_task(self._say(*chances.next(), f"said-{number}"), name="says")
                await asyncio.sleep(WRITES_EVERY_S)

    async def _say(self, circle: int, seat: int, key: str) -> None:
        conversation = self.circles[circle].conversation_id
        said = {"conversation_id": conversation, "client_msg_id": key, "text": key}
        await self.members[seat].line.command("message:send", said)
        self.said[circle] += 1

    async def synced(self) -> None:
        """Let every client sync once more, and check that nothing is missing."""
        gate = asyncio.Semaphore(MAX_CONCURRENT)

        async def ask(member: Member) -> None:
            async with gate:
                vector = member.line.positions()
                positions = {conversation: lanes for conversation, lanes in vector.items() if "sent" in lanes}
                answer = await member.line.command("sync", {"positions": positions})
                assert answer["complete"]
                for conversation, lanes in positions.items():
                    assert (
                        answer["positions"][conversation]["sent"] == lanes["sent"] == member.last.get(conversation, 0)
                    )

        await asyncio.gather(*(ask(member) for member in self.members))


@asynccontextmanager
async def crowd(urls: Sequence[str], seats: Sequence[Seat], circles: Sequence[Circle]) -> AsyncIterator[Crowd]:
    """Connect all clients, half of them to each of two nodes first; close them at the end."""
    gate = asyncio.Semaphore(MAX_CONCURRENT)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def connect(number: int, seat: Seat) -> Member:
            turned = [*urls[number % len(urls) :], *urls[: number % len(urls)]]
            member = Member(turned, seat.token, session)
            async with gate:
                await member.line.connect()
            return member

        members = await asyncio.gather(*(connect(number, seat) for number, seat in enumerate(seats)))
        try:
            yield Crowd(members, circles)
        finally:
            await asyncio.gather(*(member.line.close() for member in members))
