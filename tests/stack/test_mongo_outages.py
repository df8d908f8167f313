"""Documents while the server is frozen, restarted, or not there yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core.ports.documents import Changes, Checkpoint, TableGeneration
from core.ports.event_log import Unavailable
from deploy.local.stack import Stack
from projections.stores.mongo import MongoDocuments
from schemas.topics import MESSAGE_SENT, Partition
from tests.contracts.documents import HEADS, ROWS, TABLES, rows, sent, write
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.usefixtures("comes_back")]

ROLE = "mongo"
SERVER = "mongo"
PLACE, HEADS_AT = TableGeneration(ROWS, 1), TableGeneration(HEADS, 1)
TIMEOUT_S = 1.0
AT = Partition(MESSAGE_SENT, 0)
BATCH = Changes(
    [(PLACE, [sent(f"r{n}", n) for n in range(300)])],
    [(HEADS_AT, [write("c", {"sent": {"pos": 300, "n": 300}})])],
    Checkpoint("outages", 1, {AT: 300}),
)

CALLS: list[Callable[[MongoDocuments], Awaitable[object]]] = [
    lambda documents: documents.get(PLACE, ["r1"]),
    lambda documents: documents.save(BATCH),
    lambda documents: documents.save(rows(PLACE, sent("r1", 1))),
    lambda documents: documents.find(PLACE, "by_n", ["c"]),
    lambda documents: documents.scan(PLACE),
    lambda documents: documents.checkpoints("outages", 1),
    lambda documents: documents.pointer("outages"),
    lambda documents: documents.compare_and_set("outages", {"live": 2}, {"live": 1}),
    lambda documents: documents.prepare([PLACE]),
]


def url_of(stack: Stack) -> str:
    return stack.env()["CAAS_MONGO_URL"]


@pytest.fixture
async def documents(spare: Stack) -> AsyncIterator[MongoDocuments]:
    documents = MongoDocuments(url_of(spare), timeout_s=TIMEOUT_S)
    await documents.start(TABLES)
    yield documents
    await documents.stop()


async def all_raise_unavailable(documents: MongoDocuments) -> None:
    for call in CALLS:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(call(documents), TIMEOUT_S + 2)


async def test_every_call_raises_unavailable_while_the_server_is_frozen(
    spare: Stack, documents: MongoDocuments
) -> None:
    await documents.save(rows(PLACE, sent("r1", 1)))
    spare.freeze(SERVER)
    await all_raise_unavailable(documents)
    spare.thaw(SERVER)

    async def saved() -> None:
        await documents.save(BATCH)

    await eventually(saved, within=20)
    assert len(await documents.scan(PLACE)) == 300
    assert await documents.checkpoints("outages", 1) == {AT: 300}


async def test_every_call_raises_unavailable_while_the_server_is_down(spare: Stack, documents: MongoDocuments) -> None:
    await documents.save(BATCH)
    spare.stop(SERVER)
    await all_raise_unavailable(documents)
    await asyncio.to_thread(spare.start, SERVER)

    async def saved() -> None:
        await documents.save(BATCH)

    await eventually(saved, within=20)
    assert len(await documents.get(PLACE, [f"r{n}" for n in range(300)])) == 300


async def test_interrupted_batch_is_complete_when_it_is_saved_again(spare: Stack, documents: MongoDocuments) -> None:
    saving = asyncio.create_task(documents.save(BATCH))
    await asyncio.sleep(0)
    spare.freeze(SERVER)
    await asyncio.wait({saving}, timeout=TIMEOUT_S + 2)
    assert saving.done()
    _ = saving.exception()
    spare.thaw(SERVER)

    async def saved() -> None:
        await documents.save(BATCH)

    await eventually(saved, within=20)
    found = await documents.get(PLACE, [f"r{n}" for n in range(300)])
    assert [found[f"r{n}"]["sent"]["n"] for n in range(300)] == list(range(300))


async def test_start_waits_for_the_server(spare: Stack) -> None:
    spare.stop(SERVER)
    documents = MongoDocuments(url_of(spare), timeout_s=TIMEOUT_S)
    starting = asyncio.create_task(documents.start(TABLES))
    await asyncio.to_thread(spare.start, SERVER)
    await asyncio.wait_for(starting, 20)
    assert await documents.pointer("nobody") is None
    await documents.stop()
    with pytest.raises(Unavailable):
        await documents.pointer("nobody")
