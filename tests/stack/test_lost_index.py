"""The search index on a real server is deleted and emptied under running workers, which fill it again."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, NotFoundError

from core.ports.event_log import Unavailable
from edge.composition.compose import Adapters
from projections.search.opensearch_node import OpenSearchNode
from tests.contracts.search_index import ids, query
from tests.e2e.processes import Process
from tests.eventually import eventually
from tests.stack.live import LONG_S, Live, append, health_of, new_room
from tests.streams.world import TENANT, edited, said

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

MESSAGES = 4000
INDEX = "caas-search2-g1-1"


async def deleted(server: AsyncElasticsearch) -> None:
    await server.indices.delete(index=INDEX)


async def emptied(server: AsyncElasticsearch) -> None:
    with contextlib.suppress(NotFoundError):  # a worker notices it meanwhile, and creates another
        await server.delete_by_query(index=INDEX, query={"match_all": {}}, conflicts="proceed", refresh=True)


async def made_by_hand(server: AsyncElasticsearch) -> None:
    """Delete the index, and create another with its name and its alias."""
    await server.indices.delete(index=INDEX)
    await server.indices.create(index=INDEX, aliases={INDEX.removesuffix("-1"): {}})


@asynccontextmanager
async def searching(live: Live) -> AsyncIterator[tuple[list[Process], AsyncElasticsearch]]:
    """Run two workers that share the partitions; yields them and a client of the server."""
    workers = [await asyncio.to_thread(live.worker, model="search") for _ in range(2)]
    server = AsyncElasticsearch(live.system.environment["CAAS_SEARCH_URL"], node_class=OpenSearchNode)
    try:
        yield workers, server.options(request_timeout=60)
    finally:
        await server.close()
        for worker in workers:
            assert await asyncio.to_thread(worker.stop) == 0


def filling(workers: list[Process]) -> bool:
    """Return whether one of them reports that it fills the index; fails if a worker has ended."""
    checks = [health_of(worker) for worker in workers if worker.ready() is not None]
    return any("being" in json.dumps(found.get("checks", {}).get("search: index", "")) for found in checks)


async def found_again(found: Adapters, room: str, text: str, count: int) -> None:
    """Wait until a search succeeds; it then has all results."""

    async def so() -> bool:
        try:
            there = await ids(found.index, 1, query(text, [room], tenant=TENANT), 9_000)
        except Unavailable:
            return False
        assert len(there) == count
        return True

    await eventually(so, within=LONG_S)


@pytest.mark.parametrize("lose", [deleted, emptied, made_by_hand])
async def test_index_lost_under_running_workers_is_reported_and_filled(
    live: Live, lose: Callable[[AsyncElasticsearch], Coroutine[Any, Any, None]]
) -> None:
    room = new_room()
    async with live.adapters() as found, searching(live) as (workers, server):
        await append(found, [said(room, n, f"hello {n}") for n in range(MESSAGES)])
        await append(found, [edited(room, 0, "goodbye")])

        async def indexed() -> bool:
            try:
                return len(await ids(found.index, 1, query("hello", [room], tenant=TENANT), 9_000)) == MESSAGES - 1
            except Unavailable:
                return False

        await eventually(indexed, within=LONG_S)
        await lose(server)
        await eventually(lambda: filling(workers), within=LONG_S)
        await found_again(found, room, "hello", MESSAGES - 1)
        await found_again(found, room, "goodbye", 1)
        await append(found, [said(room, MESSAGES, "later")])
        await eventually(lambda: indexed_one(found, room), within=LONG_S)
        await eventually(lambda: all(worker.ready() for worker in workers), within=LONG_S)
        verified = await asyncio.to_thread(live.system.run, "verify", "search", "--json", seconds=120)
        assert json.loads(verified) == {"search": []}


async def indexed_one(found: Adapters, room: str) -> bool:
    return len(await ids(found.index, 1, query("later", [room], tenant=TENANT))) == 1
