"""The search index while its server is frozen or down, and writes that it rejects."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from elasticsearch import AsyncElasticsearch

from core.ports.event_log import Unavailable
from core.ports.search_index import IndexBehind
from deploy.local.stack import Stack
from projections.search.elastic import ElasticIndex
from projections.search.opensearch_node import OpenSearchNode
from tests.contracts.search_index import ALL, SENT, entry, ids, made, query
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.usefixtures("comes_back")]

ROLE = "search"
SERVER = "search"
TIMEOUT_S = 1.0


def index_at(stack: Stack) -> ElasticIndex:
    return ElasticIndex(stack.env()["CAAS_SEARCH_URL"], "opensearch", timeout_s=TIMEOUT_S)


@pytest.fixture
async def index(spare: Stack) -> AsyncIterator[ElasticIndex]:
    index = index_at(spare)
    await index.start()
    yield index
    await index.stop()


async def all_raise_unavailable(index: ElasticIndex) -> None:
    for call in (
        index.index(1, [entry("b", "hello", 2)], {}, {SENT: 2}),
        index.put(1, [entry("b", "hello", 2)]),
        index.checkpoint(1, ALL),
        index.entries(1, ["a"]),
        index.scan(1),
        index.search(1, query("hello"), limit=10),
        index.refresh(1),
        index.begin(2),
        index.complete(1, "token", {}),
        index.drop(2),
    ):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(call, TIMEOUT_S + 2)


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_every_call_raises_unavailable_within_seconds_and_recovers(
    spare: Stack, index: ElasticIndex, how: str
) -> None:
    await made(index, 1)
    await index.index(1, [entry("a", "hello", 1)], {}, {SENT: 1})
    spare.freeze(SERVER) if how == "freeze" else spare.stop(SERVER)
    await all_raise_unavailable(index)
    spare.thaw(SERVER) if how == "freeze" else await asyncio.to_thread(spare.start, SERVER)

    async def both() -> None:
        await index.index(1, [entry("b", "hello", 2)], {SENT: 1}, {SENT: 2})
        await index.refresh(1)
        assert sorted(await ids(index, 1, query("hello"))) == ["a", "b"]

    await eventually(both, within=30)


async def test_late_writer_cannot_recreate_a_dropped_index(index: ElasticIndex) -> None:
    await made(index, 7)
    await index.drop(7)
    with pytest.raises(IndexBehind):
        await index.index(7, [entry("a", "hello")], {}, {SENT: 1})
    with pytest.raises(IndexBehind):
        await index.put(7, [entry("a", "hello")])
    assert await index.checkpoint(7, ALL) is None


async def test_closed_index_is_unavailable_not_missing(spare: Stack, index: ElasticIndex) -> None:
    await made(index, 8)
    await index.index(8, [entry("a", "hello")], {}, {SENT: 1})
    server = AsyncElasticsearch(spare.env()["CAAS_SEARCH_URL"], node_class=OpenSearchNode)
    await server.indices.close(index="caas-search2-g8-1")
    for call in (index.checkpoint(8, ALL), index.put(8, [entry("a", "hello")]), index.scan(8)):
        with pytest.raises(Unavailable):
            await call
    await server.indices.open(index="caas-search2-g8-1", wait_for_active_shards=1)
    await server.close()

    async def as_before() -> bool:
        return await index.checkpoint(8, ALL) == {SENT: 1}

    await eventually(as_before)


async def test_stopped_index_is_unavailable(spare: Stack) -> None:
    index = index_at(spare)
    with pytest.raises(Unavailable):
        await index.begin(1)
    await index.start()
    await index.stop()
    with pytest.raises(Unavailable):
        await index.search(1, query("hello"), limit=10)


async def test_start_waits_for_the_server(spare: Stack) -> None:
    spare.freeze(SERVER)
    index = index_at(spare)
    starting = asyncio.create_task(index.start())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(starting), 1.5)
    spare.thaw(SERVER)
    await asyncio.wait_for(starting, 20)
    await index.stop()
