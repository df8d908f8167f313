"""Node runs the sessions of one process, their requests, and the tasks that keep it up to date; it knows no sockets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, assert_never

from core.health import Health
from core.identity import Identity
from core.ports.bus import Bus
from core.ports.memberships import Memberships, NotReady
from core.ports.tracer import Tracer
from core.rate_limit import Rate
from core.retry import MAX_PAUSE_S
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
from edge.socket.session.audit_trail import AuditTrail
from edge.socket.session.client_session import (
    ClientSession,
    Send,
    Share,
    always_ready,
    no_close,
    no_renewal,
    without_share,
)
from edge.socket.session.protocol import Authenticate, Close, CommandReceived, SendFrame, SessionProtocol
from projections.queries.lanes import Lanes
from projections.receipts.receipt_rows import MODEL as RECEIPTS
from schemas.bounds import IN_FLIGHT
from schemas.commands import NAME_OF
from schemas.commands.queries import Query
from schemas.commands.signals import Signal
from schemas.wire import frames
from schemas.wire.frames import LIMITS, Hello
from streams.runtime.effects import channel_of

logger: Final = logging.getLogger("caas.node")
CATCH_UP_TIMEOUT_S: Final = 10.0
"""Maximum time that the first sessions wait for the view of memberships."""
YIELD_BYTES: Final = 65_536
"""Number of bytes that are delivered before sockets get their turn to write."""


class Node:
    """A node: `start` it, `connect` and `receive`, then `stop`. `name` is its bus channel and its key in presence."""

    def __init__(
        self,
        name: str,
        *,
        commands: CommandExecutor,
        waits: PendingWaits,
        query_dispatch: QueryDispatch,
        signals: Signals,
        memberships: Memberships,
        lanes: Lanes,
        bus: Bus,
        registration: NodeRegistration,
        health: Health,
        new_id: Callable[[], str],
        heartbeat_ms: int,
        pace: Rate,
        quotas: UserQuotas,
        audit: AuditTrail,
        tracer: Tracer,
    ) -> None:
        self.name, self.health, self.tracer = name, health, tracer
        self.pace, self.quotas, self.audit = pace, quotas, audit
        self.clients: set[ClientSession] = set()
        self._poller = HeadPoller(lanes, heartbeat_ms / 1000)
        ports = memberships, lanes, registration, health
        self.hub = Hub(*ports, spawn=self._spawn, look_soon=self._poller.poll_soon, tracer=tracer)
        self._memberships = memberships
        self._commands, self._waits, self._signals = commands, waits, signals
        self.current = CurrentHeads(lanes, self.hub)
        reading = memberships, lanes, self.hub, self.current, query_dispatch
        self._reads = QueryExecutor(*reading, health=health, spawn=self._spawn, commands=commands)
        self._unsubscribe = memberships.subscribe(signals.follow_changes(self.hub))
        self._bus = bus
        self._registration = registration
        self._new_id = new_id
        self._heartbeat_ms = heartbeat_ms
        self._caught_up = False
        self._tasks = asyncio.TaskGroup()  # one that runs is made at the start
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen to the bus, keep the registration and poll heads until `stop`."""
        await self._registration.beat(self.hub.held)
        begun = asyncio.Event()
        self._running = asyncio.create_task(self._run(begun), name=f"node {self.name}")
        await begun.wait()

    async def stop(self) -> None:
        """End every task and remove the registration; the owners of sessions have closed them before."""
        self._unsubscribe()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            self._running = None
        await self._waits.stop()
        await self._registration.forget()
        await self._signals.stop()
        await self.audit.stop()

    def _require_running(self) -> None:
        if self._running is None or self._running.done():
            raise NodeEnded(f"node {self.name} has ended")

    async def _run(self, begun: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            own = (
                ("listen", self._listen),
                ("heads", self._poll_heads),
                ("presence", self._keep_registration),
                ("backlog", self._commands.backlog.follow),
                ("audit", self.audit.follow),
            )
            for name, work in [*own, *self._signals.tasks]:
                tasks.create_task(self._lasting(name, work), name=name)
            begun.set()

    async def _lasting(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task as long as the node; one that fails is counted, logged and begins again."""
        while True:
            try:
                await work()
            except Exception:
                self.health.count("task_failed")
                logger.exception("%s failed and begins again", name)
            await asyncio.sleep(MAX_PAUSE_S)
            self._poller.poll_soon()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task, which ends by itself or with the node. Raises `NodeEnded`."""
        guarded = self._guarded(name, work)
        try:
            task = self._tasks.create_task(guarded, name=name)
        except RuntimeError as error:
            guarded.close()
            work.close()
            raise NodeEnded(f"node {self.name} has ended") from error
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it begins never awaits it
        return task

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Count and log the failure of a task, so that it affects no other."""
        try:
            await work
        except Exception:
            self.health.count("task_failed")
            logger.exception("%s failed", name)
            self._poller.poll_soon()

    async def connect(
        self,
        identity: Identity,
        send: Send,
        *,
        push: Send | None = None,
        ready: Callable[[], Awaitable[None]] = always_ready,
        close: Callable[[str], None] = no_close,
        renew: Callable[[Authenticate], None] = no_renewal,
        share: Share = without_share,
        session: SessionProtocol | None = None,
        actor_context: str = "",
    ) -> ClientSession:
        """Open a session for this user. Its hello is sent when everything that is appended from then on will be
        delivered.

        `send` takes replies and, unless `push` does, pushes: JSON text as bytes. Neither may raise or call back. Raises
        `NotReady` while the view of memberships has never caught up, and `NodeEnded`.
        """
        self._require_running()
        await self._wait_for_view()
        session = session or SessionProtocol(self._new_id, begin=self.tracer.begin)
        client = ClientSession(
            session,
            identity,
            send,
            push=push,
            ready=ready,
            close=close,
            renew=renew,
            share=share,
            actor_context=actor_context,
        )
        await self.hub.attach(client.subscriber, lambda: send(frames.hello(self._hello(client))))
        client.session.mark_ready()
        self.clients.add(client)
        self._signals.session_opened(client)
        self.audit.login(client)
        return client

    def _hello(self, client: ClientSession) -> Hello:
        pace = {"commands_per_s": round(self.pace.per_s), "commands_burst": self.pace.burst}
        return Hello(
            session=client.session.id,
            user_id=client.identity.user_id,
            expires_in=client.identity.expires_in(),
            heartbeat_ms=self._heartbeat_ms,
            limits=LIMITS | pace | self.quotas.limits,
        )

    async def _wait_for_view(self) -> None:
        """Wait until the view has caught up once: old events would be pushed as new. Raises `NotReady` after 10 s."""
        ends = asyncio.get_running_loop().time() + CATCH_UP_TIMEOUT_S
        while not (self._caught_up or self._memberships.fresh):
            if asyncio.get_running_loop().time() > ends:
                raise NotReady("the view of conversations has not caught up yet")
            await asyncio.sleep(CATCH_UP_TIMEOUT_S / 200)
        self._caught_up = True

    def disconnect(self, client: ClientSession) -> None:
        """Close a session: its unanswered requests are dropped, its appends remain."""
        client.session.mark_closed()
        self.clients.discard(client)
        self.hub.detach(client.subscriber)
        self._signals.session_closed(client)
        for task in client.tasks:
            task.cancel()

    def flush(self, client: ClientSession) -> None:
        """Answer the commands of an ending session that wait only for other users."""
        self._signals.flush(client)
        self._waits.flush(client)

    async def receive(self, client: ClientSession, text: str | bytes) -> None:
        """Receive one text frame. Return when the next may be received: a command is decided and its append has begun;
        at most 64 are in flight. Raises `NodeEnded`.
        """
        self._require_running()
        if client.in_flight >= IN_FLIGHT:
            await client.at_most(IN_FLIGHT - 1)
        for action in client.session.received(text):
            match action:
                case CommandReceived():
                    await self._execute(client, action)
                case SendFrame():
                    self.health.count("frames_refused")
                    self.audit.malformed(client)
                    client.send(action.frame)
                case Close():
                    client.close(action.name)
                case Authenticate():
                    client.renew(action)
                case _:
                    assert_never(action)

    async def _execute(self, client: ClientSession, received: CommandReceived) -> None:
        self.health.count("commands_received")
        client.request_received()
        if (rejection := await self.quotas.refusal(client.identity, received)) is not None:
            self._commands.outcomes.refused(received, "rate_limited")
            self.audit.refused(client, NAME_OF[type(received.command)], "rate_limited")
            client.answer(rejection)
            return
        if isinstance(received.command, Signal):
            self.audit.signal(client, NAME_OF[type(received.command)])
            await self._signals.execute(client, received, received.command)
            return
        if not isinstance(received.command, Query):
            await self._commands.execute(client, received, received.command)
            return
        await self._reads.begin(client, received, received.command)

    async def _listen(self) -> None:
        """Deliver pushes from the bus in order; sockets get their turn to write every `YIELD_BYTES`."""
        delivered_bytes = 0
        async for payload in self._bus.subscribe(channel_of(self.name)):
            for push in self.hub.unpack(payload):
                if push.model == RECEIPTS:
                    self._waits.notify(push)
                if not self._signals.try_deliver(push, self.hub.conversations.get):
                    self.hub.deliver(push)
                delivered_bytes += len(push.frame)
                if delivered_bytes > YIELD_BYTES:
                    delivered_bytes = 0
                    await asyncio.sleep(0)

    async def _keep_registration(self) -> None:
        await self._registration.keep(lambda: [*self.hub.held(), *self._signals.registry_keys], self._poller.poll_soon)

    async def _poll_heads(self) -> None:
        await self._poller.run(self.hub)

    async def look(self) -> None:
        """Poll heads now and deliver the rows that no push delivered. Raises `Unavailable`."""
        await self._poller.poll(self.hub)
