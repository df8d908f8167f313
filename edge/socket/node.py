"""One node: the sessions it has, what they ask, and the tasks that keep it in step; it knows no sockets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, assert_never

from core.health import Health
from core.identity import Identity
from core.ports.bus import Bus
from core.ports.memberships import Memberships, NotReady
from core.rate_limit import TokenRate
from core.retry import LONGEST_S
from edge.socket.channels.jobs import NodeEnded
from edge.socket.commands.executor import CommandExecutor
from edge.socket.commands.query_dispatch import QueryDispatch
from edge.socket.commands.query_executor import QueryExecutor
from edge.socket.commands.signals import Signals
from edge.socket.commands.user_quotas import UserQuotas
from edge.socket.commands.wait_for import PendingWaits
from edge.socket.delivery.current_heads import CurrentHeads
from edge.socket.delivery.head_poller import HeadPoller
from edge.socket.delivery.hub import Hub
from edge.socket.delivery.node_registration import NodeRegistration
from edge.socket.session.client_session import ClientSession, Send, Share, at_once, not_closed, not_renewed, not_shared
from edge.socket.session.protocol import Authenticate, Close, CommandReceived, SendFrame, SessionProtocol
from projections.queries.lanes import Lanes
from projections.receipts.receipt_rows import MODEL as RECEIPTS
from schemas.bounds import IN_FLIGHT
from schemas.commands.queries import Query
from schemas.commands.signals import Signal
from schemas.wire import frames
from schemas.wire.frames import LIMITS, Hello
from streams.runtime.effects import channel_of

logger: Final = logging.getLogger("caas.node")
FOLLOWED_S: Final = 10.0
YIELD_BYTES: Final = 65_536
"""So much is delivered before the sockets get their turn to write."""


class Node:
    """`start`, then `connect` and `receive`, then `stop`. `name` is its bus channel and its place in presence."""

    def __init__(
        self,
        name: str,
        *,
        commands: CommandExecutor,
        waiting: PendingWaits,
        answering: QueryDispatch,
        signals: Signals,
        memberships: Memberships,
        lanes: Lanes,
        bus: Bus,
        standing: NodeRegistration,
        health: Health,
        new_id: Callable[[], str],
        heartbeat_ms: int,
        pace: TokenRate,
        allowances: UserQuotas,
    ) -> None:
        self.name = name
        self.pace = pace
        self.allowances = allowances
        self.health = health
        self.visits: set[ClientSession] = set()
        self._looking = HeadPoller(lanes, heartbeat_ms / 1000)
        self.hub = Hub(memberships, lanes, standing, health, spawn=self._spawn, look_soon=self._looking.soon)
        self._memberships = memberships
        self._commands = commands
        self._waiting = waiting
        self._signals = signals
        self.current = CurrentHeads(lanes, self.hub)
        reading = memberships, lanes, self.hub, self.current, answering
        self._reads = QueryExecutor(*reading, health=health, spawn=self._spawn, failed=commands.failed)
        self._lanes = lanes
        self._bus = bus
        self._standing = standing
        self._new_id = new_id
        self._heartbeat_ms = heartbeat_ms
        self._caught_up = False
        self._tasks = asyncio.TaskGroup()  # one that runs is made at the start
        self._running: asyncio.Task[None] | None = None

    # Life

    async def start(self) -> None:
        """Follow memberships, listen to the bus, keep presence and look at heads until `stop`."""
        self._memberships.on_change = self._signals.following(self.hub.changed, self.hub.channel)
        await self._standing.beat(self.hub.held)
        begun = asyncio.Event()
        self._running = asyncio.create_task(self._run(begun), name=f"node {self.name}")
        await begun.wait()

    async def stop(self) -> None:
        """End every task and leave presence; sessions are closed by their owners before."""
        self._memberships.on_change = None
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            self._running = None
        await self._waiting.stop()
        await self._standing.forget()
        await self._signals.stop()

    def _require_running(self) -> None:
        if self._running is None or self._running.done():
            raise NodeEnded(f"node {self.name} takes nothing more")

    async def _run(self, begun: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            steps = [("listen", self._listen), ("heads", self._look), ("presence", self._stand), *self._signals.tasks]
            for name, step in steps:
                tasks.create_task(self._lasting(name, step), name=name)
            begun.set()

    async def _lasting(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A task as old as the node: a failure of it is told, and it goes on."""
        while True:
            try:
                await work()
            except Exception:
                self.health.count("task_failed")
                logger.exception("%s failed and begins again", name)
            await asyncio.sleep(LONGEST_S)
            self._looking.soon()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of this node's; it ends by itself or with the node. Raises `NodeEnded`."""
        guarded = self._guarded(name, work)
        try:
            task = self._tasks.create_task(guarded, name=name)
        except RuntimeError as error:
            guarded.close()
            work.close()
            raise NodeEnded(f"node {self.name} takes nothing more") from error
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it begins never awaits it
        return task

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """One task's failure is its own."""
        try:
            await work
        except Exception:
            self.health.count("task_failed")
            logger.exception("%s failed", name)
            self._looking.soon()

    # Sessions

    async def connect(
        self,
        identity: Identity,
        send: Send,
        *,
        push: Send | None = None,
        ready: Callable[[], Awaitable[None]] = at_once,
        close: Callable[[str], None] = not_closed,
        renew: Callable[[Authenticate], None] = not_renewed,
        share: Share = not_shared,
        session: SessionProtocol | None = None,
    ) -> ClientSession:
        """A session for this user: hello is sent once everything appended from then on will be delivered.

        `send` takes replies and, unless `push` does, pushes: JSON text as bytes. Neither may raise or call back.
        Raises `NotReady` while the view of memberships has never caught up, and `NodeEnded`.
        """
        self._require_running()
        await self._followed()
        session = session or SessionProtocol(self._new_id)
        visit = ClientSession(session, identity, send, push=push, ready=ready, close=close, renew=renew, share=share)
        hello = Hello(
            session=visit.session.id,
            user_id=identity.user_id,
            expires_in=identity.expires_in(),
            heartbeat_ms=self._heartbeat_ms,
            limits=LIMITS | self.pace.told | self.allowances.told,
        )
        await self.hub.attach(visit.seat, lambda: send(frames.hello(hello)))
        visit.session.entered()
        self.visits.add(visit)
        self._signals.came(visit)
        return visit

    async def _followed(self) -> None:
        """Wait until the view has caught up once: old news would be told as new. Raises `NotReady` after 10 seconds."""
        ends = asyncio.get_running_loop().time() + FOLLOWED_S
        while not (self._caught_up or self._memberships.fresh):
            if asyncio.get_running_loop().time() > ends:
                raise NotReady("the view of conversations has not caught up yet")
            await asyncio.sleep(FOLLOWED_S / 200)
        self._caught_up = True

    def disconnect(self, visit: ClientSession) -> None:
        """A session is over: what it still asked for is let go, what it appended stands."""
        visit.session.closed()
        self.visits.discard(visit)
        self.hub.detach(visit.seat)
        self._signals.went(visit)
        for task in visit.tasks:
            task.cancel()

    def hurry(self, visit: ClientSession) -> None:
        """Answer what waits only for others: this session is to end."""
        self._signals.hurry(visit)
        self._waiting.hurry(visit)

    async def receive(self, visit: ClientSession, text: str | bytes) -> None:
        """One text frame. It returns when the next may be received: a command has been decided and its append has
        begun; at most 64 are in flight. Raises `NodeEnded`.
        """
        self._require_running()
        if visit.in_flight >= IN_FLIGHT:
            await visit.at_most(IN_FLIGHT - 1)
        for action in visit.session.received(text):
            match action:
                case CommandReceived():
                    await self._asked(visit, action)
                case SendFrame():
                    self.health.count("frames_refused")
                    visit.send(action.frame)
                case Close():
                    visit.close(action.name)
                case Authenticate():
                    visit.renew(action)
                case _:
                    assert_never(action)

    async def _asked(self, visit: ClientSession, asked: CommandReceived) -> None:
        self.health.count("commands")
        visit.asked()
        if (no := await self.allowances.refusal(visit.identity, asked)) is not None:
            visit.answer(no)
            return
        if isinstance(asked.command, Signal):
            await self._signals.carry_out(visit, asked, asked.command)
            return
        if not isinstance(asked.command, Query):
            await self._commands.carry_out(visit, asked, asked.command)
            return
        await self._reads.begin(visit, asked, asked.command)

    # Staying in step

    async def _listen(self) -> None:
        """Pushes from the bus, in order; sockets get their turn to write before much has gathered."""
        gathered = 0
        async for payload in self._bus.subscribe(channel_of(self.name)):
            for push in self.hub.unpack(payload):
                if push.model == RECEIPTS:
                    self._waiting.heard(push)
                if not self._signals.hears(push, self.hub.channel):
                    self.hub.deliver(push)
                gathered += len(push.frame)
                if gathered > YIELD_BYTES:
                    gathered = 0
                    await asyncio.sleep(0)

    async def _stand(self) -> None:
        await self._standing.keep(lambda: [*self.hub.held(), *self._signals.places], self._looking.soon)

    async def _look(self) -> None:
        await self._looking.keep(self.hub)

    async def look(self) -> None:
        """Heal what no push brought, now. Raises `Unavailable`."""
        await self._looking.look(self.hub)
