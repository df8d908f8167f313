"""Edge nodes: the real ones, in simulated processes that may die with commands in flight."""

import asyncio
from asyncio import Future, Task
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.commands.command_ids import event_id_of
from core.domain.conversation import Conversation
from core.domain.decision import Context
from core.health import Health
from core.identity import Identity
from core.ports.bus import Bus
from core.ports.memberships import NotReady
from core.ports.node_registry import NodeRegistry
from core.ports.search_index import SearchIndex
from edge.composition.compose import PROCESSORS
from edge.composition.node import node_of
from edge.composition.ports import Ports
from edge.socket.commands.backlog import BacklogLimits
from edge.socket.session.client_session import ClientSession
from projections.ephemeral.in_process_presence import InProcessPresenceStore
from projections.generations import Generations
from schemas.commands import NAME_OF
from schemas.commands.conversation import ConversationCommand
from schemas.commands.inbox import InboxCommand
from schemas.commands.message import MessageCommand
from schemas.envelope import Record
from schemas.topics import CONVERSATION_UPDATED, partition_of
from streams.memberships.membership_tail import MembershipTail
from tests.simulation.servers import FlakyDocuments, FlakyLog
from tests.simulation.weather import Ledger, Process

Command = MessageCommand | ConversationCommand | InboxCommand
RETRIED = frozenset({"not_ready", "unavailable", "outcome_unknown", "lost"})
"""Answers after which a client repeats its command."""
AT = "2026-11-20T09:30:00.000Z"


class Sorted(frozenset[str]):
    """A set whose order does not depend on this process's hashes: a seed is the same world everywhere."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))


class Tail(MembershipTail):
    """The real one, iterated in a fixed order."""

    def of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        return Sorted(super().of_user(tenant, user_id))

    def present_of_user(self, tenant: str, user_id: str) -> frozenset[str]:
        return Sorted(super().present_of_user(tenant, user_id))


class Clock:
    """A clock that always shows half past nine."""

    def now(self) -> str:
        return AT


@dataclass(eq=False)
class Asked:
    """One attempt of a command: the log's number of records when it was sent (`asked`) and when it was answered."""

    edge: str
    command: Command
    context: Context
    retry: bool
    asked: int
    answered: int = 0
    outcome: str = "lost"
    event_id: str = ""
    reply: dict[str, Any] = field(default_factory=dict)
    behind_s: float = 0.0


class Node:
    """One edge node and its process. Commands of one user go through one client session, in order."""

    def __init__(
        self,
        name: str,
        *,
        ledger: Ledger,
        log: FlakyLog,
        documents: FlakyDocuments,
        index: SearchIndex,
        bus: Bus,
        presence: NodeRegistry,
        process: Process,
        complain: Callable[[str], None],
        idle: int,
    ) -> None:
        self.name = name
        self.process = process
        self.health = Health()
        self._ledger = ledger
        self._complain = complain
        self._numbers = 0
        self.tail = Tail(log, documents, self.health)
        self.tail._views.loaded.idle_size = idle
        self.tail._users.lingering = min(idle // 10, 10)
        self._generations = Generations(documents, PROCESSORS)
        log.on_append = self._appends
        self.node = node_of(
            name,
            Ports(
                log=log,
                documents=documents,
                generations=self._generations,
                index=index,
                bus=bus,
                presence=presence,
                people=InProcessPresenceStore(),
                memberships=self.tail,
                clock=Clock(),
                health=self.health,
            ),
            heartbeat_ms=2000,
            backlog_limits=BacklogLimits(node=3, conversation=2),
            new_id=self._new_id,
        )
        self._behind: dict[str, float] = {}
        self._clients: dict[str, tuple[ClientSession, asyncio.Lock]] = {}
        self._connecting: dict[str, asyncio.Lock] = {}
        self._answers: dict[int, Future[dict[str, Any]]] = {}
        self._tasks: dict[Task[None], None] = {}
        self.ready = asyncio.Event()

    def _new_id(self) -> str:
        self._numbers += 1
        return f"{self._numbers:08x}-0000-4000-9000-000000000000"

    def start(self) -> None:
        self.later(self._run())
        self.later(self.tail.run())

    async def _run(self) -> None:
        await self.node.start()
        self.ready.set()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work in this process, until it dies."""
        task = asyncio.get_running_loop().create_task(self._guarded(work), name=self.process.name)
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._tasks.pop(task, None))
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it begins never awaits it

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if not self.process.dead:  # errors of a dead process do not count
                self._complain(f"{self.process.name} broke: {error!r}")

    def crash(self) -> None:
        self.process.dead = True
        for task in list(self._tasks):
            task.cancel()
        if self.node._running is not None:
            self.node._running.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.cancel()

    # Commands

    async def ask(self, command: Command, context: Context, retry: bool) -> Asked:
        """Send a command; the outcome is what the client receives, or `lost`."""
        asked = Asked(self.name, command, context, retry, self._ledger.moment)
        asked.event_id = event_id_of(command, context)
        if not self.process.dead:
            self._numbers += 1
            answer = self._answers[self._numbers] = asyncio.get_running_loop().create_future()
            self.later(self._send(self._numbers, asked))
            await asyncio.wait([answer])
            if not answer.cancelled():
                said = answer.result()
                asked.reply = said.get("data") or {}
                levels = {"accepted": "accepted", "persisted": "unchanged"}
                error = said.get("error")
                asked.outcome = error["code"] if error else levels[asked.reply["level"]]
        asked.behind_s = self._behind.get(asked.event_id, 0.0)
        asked.answered = self._ledger.moment
        if asked.outcome == "internal":
            self._complain(f"{self.name} answered {command} with {asked.reply}")
        return asked

    async def _send(self, number: int, asked: Asked) -> None:
        await self.ready.wait()
        try:
            client, lock = await self._client(asked.context.actor)
        except NotReady:
            self._answers[number].set_result({"error": {"code": "not_ready"}})
            return
        frame = {
            "id": number,
            "type": NAME_OF[type(asked.command)],
            "data": asked.command,
            "correlation_id": asked.context.correlation_id,
            "retry": asked.retry,
        }
        async with lock:
            await self.node.receive(client, msgspec.json.encode(frame))

    async def _client(self, user: str) -> tuple[ClientSession, asyncio.Lock]:
        """Return the client session of this user at this node."""
        async with self._connecting.setdefault(user, asyncio.Lock()):
            if user not in self._clients:
                client = await self.node.connect(Identity("acme", user, 1e12, ("",)), self._heard, push=lambda _: None)
                self._clients[user] = client, asyncio.Lock()
            return self._clients[user]

    async def viewed(self, ledger: Ledger) -> dict[str, Conversation]:
        """Return this node's view of all conversations; those that are not loaded are read."""
        keys = {(one.key or b"").decode(): None for one in ledger.order if one.topic == CONVERSATION_UPDATED}
        return await self.tail.find_all(keys)

    def _heard(self, frame: bytes) -> None:
        said = msgspec.json.decode(frame)
        answer = self._answers.get(said.get("id") or 0)
        if answer is not None and not answer.done():
            answer.set_result(said)

    def _appends(self, record: Record) -> None:
        """Record the age of the oldest change of the conversation's partition unseen by this node: 0 if none."""
        headers = dict(record.headers)
        at = partition_of(CONVERSATION_UPDATED, record.key or b"")
        times, read = self._ledger.times.get(at, []), self.tail._views.read.get(at, 0)
        late = asyncio.get_running_loop().time() - times[read] if read < len(times) else 0.0
        self._behind[headers.get("ce_id", b"").decode()] = late
