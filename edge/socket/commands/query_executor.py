"""QueryExecutor answers the queries of one node's sessions beside their commands: users take turns at the read models,
and the answers of a connection that are in memory are limited.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from core.health import Health
from core.ports.memberships import Memberships, NotReady
from edge.socket.commands.executor import CommandExecutor
from edge.socket.commands.query_dispatch import QueryDispatch, SingleQuery
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

MAX_CONCURRENT_READS: Final = 8
"""Maximum number of reads and pages of `sync` that run concurrently on one node, one per user."""

Spawn = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]


class QueryExecutor:
    """Answers each query exactly once.

    - Per user one read or one page of a `sync` runs at a time; the user who has used least time goes first.
      Searches have turns of their own (projections.queries.search).
    - A read begins once its user has their share of the loop (edge.http.fair_share).
    - Per connection `MAX_CONCURRENT_ANSWERS` answers are computed at a time, each once the client has read most of what
      was written to it; and one `sync` at a time: after a second one, the next frame is received when the first ends.
    """

    def __init__(
        self,
        memberships: Memberships,
        lanes: Lanes,
        hub: Hub,
        current: CurrentHeads,
        dispatch: QueryDispatch,
        *,
        health: Health,
        spawn: Spawn,
        commands: CommandExecutor,
    ) -> None:
        self._memberships = memberships
        self._lanes = lanes
        self._hub = hub
        self._dispatch = dispatch
        self._turns = FairTurns(MAX_CONCURRENT_READS)
        self._syncing = SyncQueries(memberships, lanes, current, self._turns)
        self._health = health
        self._spawn = spawn
        self._failed = commands.failed
        self._outcomes = commands.outcomes

    async def begin(self, client: ClientSession, request: CommandReceived, query: Query) -> None:
        """Begin to answer; return when the session's next frame may be received. Raises `NodeEnded`."""
        if isinstance(query, Sync) and client.syncing is not None and not client.syncing.done():
            self._health.count("syncs_waited")
            await asyncio.wait([client.syncing])
        task = self._spawn(f"query {request.correlation_id}", self._answer(client, request, query))
        client.tasks.add(task)
        task.add_done_callback(client.tasks.discard)
        if isinstance(query, Sync):
            client.syncing = task

    async def _answer(self, client: ClientSession, request: CommandReceived, query: Query) -> None:
        try:
            if isinstance(query, Sync):
                await client.ready()
                frame = await client.share(self._sync(client, request, query))
            else:
                frame = await self._answer_single(client, request, query)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            frame = self._failed(error, request, client)
        else:
            self._outcomes.answered(request)
        client.answer(frame)

    async def _answer_single(self, client: ClientSession, request: CommandReceived, query: SingleQuery) -> bytes:
        async with client.answers:
            await client.ready()
            life = await self._life()
            await self._dispatch.wait(client.writes, query)
            return await client.share(self._read(client, request, query, life))

    async def _read(self, client: ClientSession, request: CommandReceived, query: SingleQuery, life: int) -> bytes:
        if isinstance(query, SearchMessages):
            found = await self._dispatch.answer(client.identity, query)
        else:
            async with self._turns.turn(client.identity.key):
                found = await self._dispatch.answer(client.identity, query, client.writes, client.subscriber.channels)
        self._require(life)
        return frames.ack(request.frame_id, found, request.correlation_id)

    async def _sync(self, client: ClientSession, request: CommandReceived, query: Sync) -> bytes:
        life = await self._life()
        await self._hub.see_heads(client.subscriber)
        remember(client.subscriber, self._memberships, query.positions)
        synced = await self._syncing.sync(client, query)
        remember(client.subscriber, self._memberships, synced["positions"])
        self._require(life)
        if query.tell:
            result = "reset" if synced["reset"] else "complete" if synced["complete"] else "partial"
            self._health.count(f"ws_resume_{result}")
        return frames.synced(request.frame_id, synced, request.correlation_id)

    async def _life(self) -> int:
        """Return the store's life, once it may be read. Raises `NotReady`."""
        if not self._memberships.fresh:
            raise NotReady("the view of memberships is behind")
        await self._lanes.trust.wait_until_trusted()
        return self._lanes.trust.life

    def _require(self, life: int) -> None:
        if self._lanes.trust.life != life:
            raise NotReady("the store was restarted while it was read")
