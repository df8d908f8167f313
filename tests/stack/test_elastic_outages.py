"""The search index while its server is frozen or gone, and entries that it refuses."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ports.event_log import Unavailable
from deploy.local.stack import Stack
from projections.search.elastic import ElasticIndex, IndexRefused
from tests.contracts.search_index import CONVERSATION, entry
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
        index.index(1, [entry("b", "hello", 2)]),
        index.search(1, "acme", "hello", [CONVERSATION], 10),
        index.refresh(1),
        index.prepare(2),
        index.drop(2),
    ):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(call, TIMEOUT_S + 2)


@pytest.mark.parametrize("how", ["freeze", "stop"])
async def test_every_call_raises_unavailable_within_seconds_and_then_goes_on(
    spare: Stack, index: ElasticIndex, how: str
) -> None:
    await index.prepare(1)
    await index.index(1, [entry("a", "hello", 1)])
    spare.freeze(SERVER) if how == "freeze" else spare.stop(SERVER)
    await all_raise_unavailable(index)
    spare.thaw(SERVER) if how == "freeze" else await asyncio.to_thread(spare.start, SERVER)

    async def both() -> None:
        await index.index(1, [entry("b", "hello", 2)])
        await index.refresh(1)
        assert sorted(await index.search(1, "acme", "hello", [CONVERSATION], 10)) == ["a", "b"]

    await eventually(both, within=30)


async def test_a_late_writer_cannot_bring_a_dropped_index_back(index: ElasticIndex) -> None:
    await index.prepare(7)
    await index.drop(7)
    with pytest.raises(IndexRefused):
        await index.index(7, [entry("a", "hello")])
    assert await index.search(7, "acme", "hello", [CONVERSATION], 10) == []


async def test_a_started_index_that_stopped_is_unavailable(spare: Stack) -> None:
    index = index_at(spare)
    with pytest.raises(Unavailable):
        await index.prepare(1)
    await index.start()
    await index.stop()
    with pytest.raises(Unavailable):
        await index.search(1, "acme", "hello", [CONVERSATION], 10)


async def test_start_waits_for_the_server(spare: Stack) -> None:
    spare.freeze(SERVER)
    index = index_at(spare)
    starting = asyncio.create_task(index.start())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(starting), 1.5)
    spare.thaw(SERVER)
    await asyncio.wait_for(starting, 20)
    await index.stop()
