"""Carries out the queries of one node's sessions beside their commands: users take turns at the read models, and a
connection has no more answers in memory than it takes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from core.health import Health
from core.ports.memberships import Memberships, NotReady
from edge.socket.commands.query_dispatch import QueryDispatch, Question
from edge.socket.delivery.current_heads import CurrentHeads
from edge.socket.delivery.hub import Hub
from edge.socket.delivery.leaving import remember
from edge.socket.delivery.sync import SyncQueries
from edge.socket.session.client_session import ClientSession
from edge.socket.session.protocol import CommandReceived
from projections.queries.fair_turns import FairTurns
from projections.queries.lanes import Lanes
from schemas.commands.queries import Query, SearchMessages, Sync
from schemas.wire import frames

AT_ONCE: Final = 32
"""Maximum of reads, and of pages of a `sync`, that are under way at one time at one node: of each user one."""

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]
Failed = Callable[[BaseException, CommandReceived], bytes]
"""The error frame for what went wrong with a query."""


class QueryExecutor:
    """Answers each query exactly once.

    - Of one user one read is under way at a time, and one page of a `sync`; whoever waits comes before those who had a
      turn since. Searches have turns of their own (projections.queries.search).
    - A read begins once its user has their share in the loop (edge.socket.fair_share).
    - Of one connection `visit.ANSWERS` answers are made at a time, each once the client has read most of what was
      written to it; and one `sync` at a time: the next frame behind a second one is received when the first has ended.
    """

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        hub: Hub,
        current: CurrentHeads,
        answering: QueryDispatch,
        *,
        health: Health,
        spawn: Spawn,
        failed: Failed,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._hub = hub
        self._answering = answering
        self._turns = FairTurns(AT_ONCE)
        self._syncing = SyncQueries(memberships, lanes, current, self._turns)
        self._health = health
        self._spawn = spawn
        self._failed = failed

    async def begin(self, visit: ClientSession, asked: CommandReceived, query: Query) -> None:
        """It returns when the next frame of the session may be received; the answer comes later. Raises `NodeEnded`."""
        if isinstance(query, Sync) and visit.syncing is not None and not visit.syncing.done():
            self._health.count("syncs_waited")
            await asyncio.wait([visit.syncing])
        task = self._spawn(f"query {asked.correlation_id}", self._answer(visit, asked, query))
        visit.tasks.add(task)
        task.add_done_callback(visit.tasks.discard)
        if isinstance(query, Sync):
            visit.syncing = task

    async def _answer(self, visit: ClientSession, asked: CommandReceived, query: Query) -> None:
        try:
            if isinstance(query, Sync):
                await visit.ready()
                frame = await visit.share(self._sync(visit, asked, query))
            else:
                frame = await self._question(visit, asked, query)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            frame = self._failed(error, asked)
        visit.answer(frame)

    async def _question(self, visit: ClientSession, asked: CommandReceived, query: Question) -> bytes:
        async with visit.answers:
            await visit.ready()
            life = await self._life()
            await self._answering.wait(visit.writes, query)
            return await visit.share(self._read(visit, asked, query, life))

    async def _read(self, visit: ClientSession, asked: CommandReceived, query: Question, life: int) -> bytes:
        if isinstance(query, SearchMessages):
            found = await self._answering.answer(visit.identity, query)
        else:
            async with self._turns.turn(visit.identity.key):
                found = await self._answering.answer(visit.identity, query, visit.writes, visit.seat.channels)
        self._require(life)
        return frames.ack(asked.frame_id, found, asked.correlation_id)

    async def _sync(self, visit: ClientSession, asked: CommandReceived, query: Sync) -> bytes:
        life = await self._life()
        await self._hub.see_heads(visit.seat)
        remember(visit.seat, self._memberships, query.positions)
        synced = await self._syncing.sync(visit, query)
        remember(visit.seat, self._memberships, synced["positions"])
        self._require(life)
        return frames.synced(asked.frame_id, synced, asked.correlation_id)

    async def _life(self) -> int:
        """The store's life, once it may be read. Raises `NotReady`."""
        if not self._memberships.fresh:
            raise NotReady("the view of who may read what is behind")
        await self._lanes.trust.settled()
        return self._lanes.trust.life

    def _require(self, life: int) -> None:
        if self._lanes.trust.life != life:
            raise NotReady("the store was started anew while it was read")
