"""One node: the sessions it has, what they ask, and the tasks that keep it in step; it knows no sockets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, assert_never

from core.health import Health
from core.pace import Pace
from core.patience import LONGEST_S
from core.ports.hints import Bus
from core.ports.memberships import Memberships, NotReady
from edge.auth.tokens import Identity
from edge.socket.allowances import Allowances
from edge.socket.answering import Answering
from edge.socket.commands import Commands
from edge.socket.current_heads import CurrentHeads
from edge.socket.hub import Hub
from edge.socket.jobs import NodeEnded
from edge.socket.lanes import Lanes
from edge.socket.looking import Looking
from edge.socket.reads import Reads
from edge.socket.session import Asked, Close, Login, Say, Session
from edge.socket.signals import Signals
from edge.socket.standing import Standing
from edge.socket.visit import Send, Share, Visit, at_once, not_closed, not_renewed, not_shared
from edge.socket.waiting import Waiting
from projections.receipts import MODEL as RECEIPTS
from schemas import frames
from schemas.bounds import IN_FLIGHT
from schemas.frames import LIMITS, Hello
from schemas.queries import Query
from schemas.signals import Signal
from streams.effects import channel_of

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
        commands: Commands,
        waiting: Waiting,
        answering: Answering,
        signals: Signals,
        memberships: Memberships,
        lanes: Lanes,
        bus: Bus,
        standing: Standing,
        health: Health,
        new_id: Callable[[], str],
        heartbeat_ms: int,
        pace: Pace,
        allowances: Allowances,
    ) -> None:
        self.name = name
        self.pace = pace
        self.allowances = allowances
        self.health = health
        self.visits: set[Visit] = set()
        self._looking = Looking(lanes, heartbeat_ms / 1000)
        self.hub = Hub(memberships, lanes, standing, health, spawn=self._spawn, look_soon=self._looking.soon)
        self._memberships = memberships
        self._commands = commands
        self._waiting = waiting
        self._signals = signals
        self.current = CurrentHeads(lanes, self.hub)
        reading = memberships, lanes, self.hub, self.current, answering
        self._reads = Reads(*reading, health=health, spawn=self._spawn, failed=commands.failed)
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
        renew: Callable[[Login], None] = not_renewed,
        share: Share = not_shared,
        session: Session | None = None,
    ) -> Visit:
        """A session for this user: hello is sent once everything appended from then on will be delivered.

        `send` takes replies and, unless `push` does, pushes: JSON text as bytes. Neither may raise or call back.
        Raises `NotReady` while the view of memberships has never caught up, and `NodeEnded`.
        """
        self._require_running()
        await self._followed()
        session = session or Session(self._new_id)
        visit = Visit(session, identity, send, push=push, ready=ready, close=close, renew=renew, share=share)
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

    def disconnect(self, visit: Visit) -> None:
        """A session is over: what it still asked for is let go, what it appended stands."""
        visit.session.closed()
        self.visits.discard(visit)
        self.hub.detach(visit.seat)
        self._signals.went(visit)
        for task in visit.tasks:
            task.cancel()

    def hurry(self, visit: Visit) -> None:
        """Answer what waits only for others: this session is to end."""
        self._signals.hurry(visit)
        self._waiting.hurry(visit)

    async def receive(self, visit: Visit, text: str | bytes) -> None:
        """One text frame. It returns when the next may be received: a command has been decided and its append has
        begun; at most 64 are in flight. Raises `NodeEnded`.
        """
        self._require_running()
        if visit.in_flight >= IN_FLIGHT:
            await visit.at_most(IN_FLIGHT - 1)
        for action in visit.session.received(text):
            match action:
                case Asked():
                    await self._asked(visit, action)
                case Say():
                    self.health.count("frames_refused")
                    visit.send(action.frame)
                case Close():
                    visit.close(action.name)
                case Login():
                    visit.renew(action)
                case _:
                    assert_never(action)

    async def _asked(self, visit: Visit, asked: Asked) -> None:
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
