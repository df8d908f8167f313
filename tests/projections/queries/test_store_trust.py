"""When a node believes a store that was started anew."""

import asyncio
import gc

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import Unavailable
from core.positions import position
from projections.generations import Generations, Pointer, read_pointer, replace_pointer
from projections.messages import message_rows
from projections.progress import Progress
from projections.queries.store_trust import READ, StoreTrust
from projections.stores.memory import MemoryDocuments
from schemas.topics import Partition, partitions
from streams.log.memory import MemoryLog
from tests.streams.world import opened, said


class MortalDocuments(MemoryDocuments):
    """May be started anew."""

    def __init__(self) -> None:
        super().__init__()
        self.lives = 0
        self.looks = 0

    @property
    def life(self) -> int:
        return self.lives

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        self.looks += 1
        return await super().checkpoints(processor, generation)


class Given:
    def __init__(self) -> None:
        self.documents, self.log = MortalDocuments(), MemoryLog()
        self.health = Health()
        self.generations = Generations(self.documents, tuple(READ))
        progress = Progress(self.documents, self.generations, self.log)
        self.trust = StoreTrust(self.documents, self.generations, progress, self.health)
        self.ends: dict[Partition, int] = {}

    async def fill(self) -> None:
        await self.log.start()
        for record in (opened("room", "bob"), said("room", "1"), said("room", "2")):
            await self.log.append(record)
        places = {at for topics in READ.values() for at in partitions(*topics)}
        self.ends = {at: position(self.log.epoch, end) for at, end in (await self.log.ends(places)).items() if end}
        await self.stand()

    async def stand(self, less: int = 0) -> None:
        """All read models stand at the log's end, or `less` records before it: a memory store allows to go back."""
        for model, topics in READ.items():
            self.documents._checkpoints.pop((model, 1), None)
            ends = {at: end - less for at, end in self.ends.items() if at.topic in topics}
            await self.documents.save(Changes([], [], Checkpoint(model, 1, ends)))

    async def started_anew(self) -> None:
        """It was believed, and is another process by now, with less."""
        await self.trust.settled()
        await self.stand(less=1)
        self.documents.lives += 1

    async def believed(self) -> bool:
        try:
            await self.trust.settled()
        except Unavailable:
            return False
        return True


@pytest.fixture
async def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    monkeypatch.setattr("projections.progress.PROOF_S", 0.05)
    monkeypatch.setattr("projections.queries.store_trust.STANDS_S", 0.3)
    monkeypatch.setattr("projections.queries.store_trust.START_S", 0.3)
    found = Given()
    await found.fill()
    return found


async def test_a_store_that_lives_on_is_looked_at_once(given: Given) -> None:
    await given.trust.settled()
    looks = given.documents.looks
    await given.stand(less=1)
    await given.trust.settled()
    assert given.documents.looks == looks


async def test_a_store_that_was_started_anew_is_believed_once_it_has_passed_the_log(given: Given) -> None:
    await given.started_anew()
    assert not await given.believed()
    await given.stand()
    assert await given.believed()


async def test_a_pointer_that_went_back_is_another_life(given: Given) -> None:
    switched = Pointer(live=2, newest=2, before=1, turn=1)
    assert await replace_pointer(given.documents, message_rows.MODEL, switched, Pointer())
    given.documents._checkpoints[message_rows.MODEL, 2] = given.documents._checkpoints[message_rows.MODEL, 1]
    await given.generations.refresh()
    await given.trust.settled()
    del given.documents._checkpoints[message_rows.MODEL, 1]
    assert await replace_pointer(
        given.documents, message_rows.MODEL, Pointer(), await read_pointer(given.documents, message_rows.MODEL)
    )
    assert await given.believed()  # nobody has noticed yet
    await given.generations.refresh()
    assert not await given.believed()
    await given.stand()
    assert await given.believed()


async def test_read_models_that_go_on_are_waited_for_however_long(given: Given) -> None:
    await given.trust.settled()
    given.documents.lives += 1
    for step in range(12):  # twice as long as one that stands still is waited for
        await given.stand(less=40 - step)
        assert not await given.believed()
        await asyncio.sleep(0.01)
    await given.stand()
    assert await given.believed()


async def test_what_nobody_makes_go_on_does_not_keep_the_rest_from_being_read(
    given: Given, caplog: pytest.LogCaptureFixture
) -> None:
    await given.started_anew()
    began = asyncio.get_running_loop().time()
    while not await given.believed():
        pass
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert "nobody makes" in caplog.text and message_rows.MODEL in caplog.text


async def test_a_node_that_starts_beside_workers_that_do_not_run_begins_with_what_there_is(given: Given) -> None:
    await given.stand(less=1)
    assert not await given.believed()
    while not await given.believed():
        pass
    assert await given.believed()


async def test_all_who_wait_wait_for_one_look(given: Given) -> None:
    await given.started_anew()
    began = asyncio.get_running_loop().time()
    assert not any(await asyncio.gather(*(given.believed() for _ in range(20))))
    assert asyncio.get_running_loop().time() - began < 5 * 0.05


async def test_a_node_that_starts_does_not_wait_long_for_read_models_that_go_on(given: Given) -> None:
    looks = 0
    await given.stand(less=400)
    while not await given.believed():
        looks += 1
        await given.stand(less=400 - looks)
    assert 1 < looks < 399, "believed although they were behind"


async def test_an_outage_of_the_store_says_nothing_of_the_workers(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given.started_anew()
    assert not await given.believed()
    with monkeypatch.context() as away:
        away.setattr(given.documents, "pointer", _away)
        await asyncio.sleep(0.35)
        assert not await given.believed()
    assert not await given.believed()


async def _away(_name: str) -> None:
    raise Unavailable("MongoDB: away")


async def test_a_check_says_that_reads_wait_for_the_store(given: Given) -> None:
    await given.trust.settled()
    assert given.health.checks()["store"].status == "pass"
    await given.stand(less=1)
    given.documents.lives += 1
    assert not await given.believed()
    found = given.health.checks()["store"]
    assert found.status == "warn" and "not believed yet" in found.output
    assert given.health.ready
    await given.stand()
    assert await given.believed()
    assert given.health.checks()["store"].status == "pass"


async def test_nobody_who_waits_has_to_ask_how_the_look_ended(given: Given, caplog: pytest.LogCaptureFixture) -> None:
    await given.started_anew()
    waiting = asyncio.create_task(given.trust.settled())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    looking = given.trust._looking
    assert looking is not None
    await asyncio.wait([looking])
    del looking
    given.trust._looking = None
    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text
