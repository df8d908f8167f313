"""World is a whole system in memory around nodes: real processors and views; only stores and bus are in memory."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.commands.join_policy import ANYBODY, JoinPolicy
from core.health import Health
from core.identity import Identity
from core.ports.event_log import Unavailable
from core.ports.tracer import UNTRACED, Tracer
from edge.composition import compose
from edge.composition.node import node_of
from edge.composition.ports import Ports
from edge.socket.commands.user_quotas import UserQuotas
from edge.socket.node import Node
from edge.socket.session.client_session import ClientSession
from projections.ephemeral.in_process import InProcessBus, InProcessNodeRegistry
from projections.ephemeral.in_process_presence import InProcessPresenceStore
from projections.generations import Generations
from projections.search.fts import FtsIndex
from projections.stores.memory import MemoryDocuments
from streams.log.memory import MemoryLog
from streams.memberships.membership_tail import MembershipTail
from streams.runtime.effects import LiveEmitter
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.processor import Processor
from streams.runtime.worker import Worker
from tests.eventually import eventually

TENANT = "acme"


class LossyBus(InProcessBus):
    """A bus that loses, doubles or holds messages on demand, as a real one may."""

    def __init__(self) -> None:
        super().__init__()
        self.lose = False
        self.double = False
        self.hold = False
        self._held: list[tuple[str, bytes]] = []

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        if self.hold:
            self._held.extend(messages)
        elif not self.lose:
            held, self._held = self._held, []
            await super().publish([*messages, *messages, *held] if self.double else [*messages, *held])


class FragileDocuments(MemoryDocuments):
    """A store that can be down for a node, and counts the rows read of each table: `got` by id, `found` by an index."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.found: Counter[str] = Counter()
        self.got: Counter[str] = Counter()

    async def get(self, place: Any, ids: Any) -> Any:
        if self.down:
            raise Unavailable("the store is down")
        rows = await super().get(place, ids)
        self.got[place.table.name] += len(rows)
        return rows

    async def facets(self, place: Any, ids: Any, index: str) -> Any:
        if self.down:
            raise Unavailable("the store is down")
        return await super().facets(place, ids, index)

    async def find(self, place: Any, index: str, equals: Any, **more: Any) -> Any:
        rows = await super().find(place, index, equals, **more)
        self.found[place.table.name] += len(rows)
        return rows


class Person:
    """A user at a node, who keeps all received frames."""

    def __init__(self, node: Node, user: str, names: tuple[str, ...] = ()) -> None:
        self.node = node
        self.names = names
        self.user = user
        self.heard: list[dict[str, Any]] = []
        self.closed: list[str] = []
        self.client: ClientSession | None = None
        self._ids = itertools.count(1)

    async def come(self) -> "Person":
        identity = Identity(TENANT, self.user, 4e9, self.names)
        self.client = await self.node.connect(identity, self._hear, close=self.closed.append)
        return self

    def go(self) -> None:
        assert self.client is not None
        self.node.disconnect(self.client)

    def _hear(self, frame: bytes) -> None:
        self.heard.append(json.loads(frame))

    async def say(self, kind: str, *, retry: bool = False, **data: Any) -> int:
        assert self.client is not None
        number = next(self._ids)
        text = json.dumps({"id": number, "type": kind, "data": data, "retry": retry})
        await self.node.receive(self.client, text)
        return number

    async def ask(self, kind: str, *, retry: bool = False, **data: Any) -> dict[str, Any]:
        number = await self.say(kind, retry=retry, **data)
        return await eventually(lambda: self.reply(number) or False)

    def reply(self, number: int) -> dict[str, Any] | None:
        return next((frame for frame in self.heard if frame.get("id") == number), None)

    def lane(self, lane: str, conversation_id: str) -> list[int]:
        return [
            frame["n"]
            for frame in self.heard
            if frame.get("lane") == lane and frame["data"]["conversation_id"] == conversation_id
        ]

    def texts(self) -> list[str]:
        return [frame["data"]["text"] for frame in self.heard if frame["type"] == "message:new"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.heard if frame["type"] == kind]


class World:
    """The system; `node` creates another node of it."""

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog()
        self.documents = FragileDocuments()
        self.bus = LossyBus()
        self.presence = InProcessNodeRegistry()
        self.people = InProcessPresenceStore()
        self.health = Health()
        self.index = FtsIndex(folder / "search.sqlite")
        self.memberships = MembershipTail(self.log, self.documents, self.health)
        self.generations = Generations(self.documents, compose.PROCESSORS)
        self.tasks: list[asyncio.Task[None]] = []

    def processors(self) -> tuple[Processor, ...]:
        return tuple(compose.processor(name, self.documents, self.index) for name in compose.PROCESSORS)

    async def start(self) -> None:
        await self.log.start()
        await self.index.start()
        self.run(self.memberships.run())
        await eventually(lambda: self.memberships.fresh)
        for processor in self.processors():
            emitter = LiveEmitter(self.log, self.bus, self.presence, self.health, processor.name)
            worker = Worker(processor, self.documents, emitter, self.health)
            self.run(PlainRunner(worker, self.log, self.documents, self.health).run(1))
        await eventually(self._can_search)

    async def _can_search(self) -> bool:
        return await self.index.checkpoint(1, ()) is not None

    def run(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.index.stop()
        await self.log.stop()

    def node(
        self,
        name: str = "one",
        heartbeat_ms: int = 60_000,
        documents: Any = None,
        memberships: Any = None,
        letting_in: JoinPolicy = ANYBODY,
        tracer: Tracer = UNTRACED,
    ) -> Node:
        return node_of(
            name,
            Ports(
                log=self.log,
                documents=documents or self.documents,
                generations=self.generations,
                index=self.index,
                bus=self.bus,
                presence=self.presence,
                people=self.people,
                memberships=memberships or self.memberships,
                clock=SystemClock(),
                health=self.health,
                tracer=tracer,
            ),
            heartbeat_ms=heartbeat_ms,
            quotas=UserQuotas(self.health, join_policy=letting_in),
        )


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[World, Node]]:
    """Run a system with one node."""
    found = World(folder)
    node = found.node()
    try:
        await found.start()
        await node.start()
        yield found, node
    finally:
        await node.stop()
        await found.stop()


async def room(owner: Person, *others: str) -> str:
    """Let `owner` open a group with these others. Return its id once the node knows it."""
    answer = await owner.ask("conversation:create", participants=list(others), client_key="room")
    conversation_id: str = answer["data"]["conversation_id"]
    await eventually(lambda: owner.lane("conversation", conversation_id) == [1])
    return conversation_id


async def send(who: Person, conversation_id: str, *texts: str) -> None:
    """Send these texts, and wait for the last acknowledgment."""
    for text in texts:
        answer = await who.ask("message:send", conversation_id=conversation_id, client_msg_id=text[:100], text=text)
        assert answer["type"] == "ack", answer


def sent_head(found: World, conversation_id: str) -> int:
    """Return how many messages of a conversation are numbered."""
    rows = found.documents._rows.get(("messages", "heads", 1), {})
    return int(rows.get(conversation_id, {}).get("sent", {"n": 0})["n"])
