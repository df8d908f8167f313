"""When a node trusts a store that was restarted."""

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
from projections.queries.store_trust import TOPICS_OF_MODEL, StoreTrust
from projections.stores.memory import MemoryDocuments
from schemas.topics import Partition, partitions
from streams.log.memory import MemoryLog
from tests.streams.world import opened, said


class RestartableDocuments(MemoryDocuments):
    """A memory store that can be restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.lives = 0
        self.checks_made = 0

    @property
    def life(self) -> int:
        return self.lives

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        self.checks_made += 1
        return await super().checkpoints(processor, generation)


class Given:
    def __init__(self) -> None:
        self.documents, self.log = RestartableDocuments(), MemoryLog()
        self.health = Health()
        self.generations = Generations(self.documents, tuple(TOPICS_OF_MODEL))
        progress = Progress(self.documents, self.generations, self.log)
        self.trust = StoreTrust(self.documents, self.generations, progress, self.health)
        self.ends: dict[Partition, int] = {}

    async def fill(self) -> None:
        await self.log.start()
        for record in (opened("room", "bob"), said("room", "1"), said("room", "2")):
            await self.log.append(record)
        places = {at for topics in TOPICS_OF_MODEL.values() for at in partitions(*topics)}
        self.ends = {
            at: position(self.log.epoch, end) for at, end in (await self.log.end_offsets(places)).items() if end
        }
        await self.set_progress()

    async def set_progress(self, less: int = 0) -> None:
        """Set all read models to the log's end, or `less` records before it: a memory store can go back."""
        for model, topics in TOPICS_OF_MODEL.items():
            self.documents._checkpoints.pop((model, 1), None)
            ends = {at: end - less for at, end in self.ends.items() if at.topic in topics}
            await self.documents.save(Changes([], [], Checkpoint(model, 1, ends)))

    async def restart(self) -> None:
        """Restart a trusted store, with fewer records."""
        await self.trust.wait_until_trusted()
        await self.set_progress(less=1)
        self.documents.lives += 1

    async def trusted(self) -> bool:
        try:
            await self.trust.wait_until_trusted()
        except Unavailable:
            return False
        return True


@pytest.fixture
async def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.05)
    monkeypatch.setattr("projections.queries.store_trust.STALLED_AFTER_S", 0.3)
    monkeypatch.setattr("projections.queries.store_trust.START_TIMEOUT_S", 0.3)
    found = Given()
    await found.fill()
    return found


async def test_running_store_is_checked_once(given: Given) -> None:
    await given.trust.wait_until_trusted()
    checks_made = given.documents.checks_made
    await given.set_progress(less=1)
    await given.trust.wait_until_trusted()
    assert given.documents.checks_made == checks_made


async def test_restarted_store_is_trusted_once_it_has_passed_the_log(given: Given) -> None:
    await given.restart()
    assert not await given.trusted()
    await given.set_progress()
    assert await given.trusted()


async def test_pointer_that_went_back_is_another_life(given: Given) -> None:
    switched = Pointer(live=2, newest=2, before=1, turn=1)
    assert await replace_pointer(given.documents, message_rows.MODEL, switched, Pointer())
    given.documents._checkpoints[message_rows.MODEL, 2] = given.documents._checkpoints[message_rows.MODEL, 1]
    await given.generations.refresh()
    await given.trust.wait_until_trusted()
    del given.documents._checkpoints[message_rows.MODEL, 1]
    assert await replace_pointer(
        given.documents, message_rows.MODEL, Pointer(), await read_pointer(given.documents, message_rows.MODEL)
    )
    assert await given.trusted()  # not noticed yet
    await given.generations.refresh()
    assert not await given.trusted()
    await given.set_progress()
    assert await given.trusted()


async def test_progressing_read_models_are_waited_for_without_limit(given: Given) -> None:
    await given.trust.wait_until_trusted()
    given.documents.lives += 1
    for step in range(12):  # twice the time after which a model counts as stalled
        await given.set_progress(less=40 - step)
        assert not await given.trusted()
        await asyncio.sleep(0.01)
    await given.set_progress()
    assert await given.trusted()


async def test_models_without_workers_do_not_block_the_others(given: Given, caplog: pytest.LogCaptureFixture) -> None:
    await given.restart()
    began = asyncio.get_running_loop().time()
    while not await given.trusted():
        pass
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert "no worker updates" in caplog.text and message_rows.MODEL in caplog.text


async def test_starting_node_without_workers_uses_the_present_rows(given: Given) -> None:
    await given.set_progress(less=1)
    assert not await given.trusted()
    while not await given.trusted():
        pass
    assert await given.trusted()


async def test_all_waiting_callers_share_one_check(given: Given) -> None:
    await given.restart()
    began = asyncio.get_running_loop().time()
    assert not any(await asyncio.gather(*(given.trusted() for _ in range(20))))
    assert asyncio.get_running_loop().time() - began < 5 * 0.05


async def test_starting_node_waits_briefly_for_progressing_read_models(given: Given) -> None:
    checks_made = 0
    await given.set_progress(less=400)
    while not await given.trusted():
        checks_made += 1
        await given.set_progress(less=400 - checks_made)
    assert 1 < checks_made < 399, "trusted although they lag behind"


async def test_outage_of_the_store_is_not_a_stall(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    await given.restart()
    assert not await given.trusted()
    with monkeypatch.context() as away:
        away.setattr(given.documents, "pointer", _away)
        await asyncio.sleep(0.35)
        assert not await given.trusted()
    assert not await given.trusted()


async def _away(_name: str) -> None:
    raise Unavailable("MongoDB: away")


async def test_health_check_warns_while_reads_wait_for_the_store(given: Given) -> None:
    await given.trust.wait_until_trusted()
    assert given.health.checks()["store"].status == "pass"
    await given.set_progress(less=1)
    given.documents.lives += 1
    assert not await given.trusted()
    found = given.health.checks()["store"]
    assert found.status == "warn" and "not trusted yet" in found.output
    assert given.health.ready
    await given.set_progress()
    assert await given.trusted()
    assert given.health.checks()["store"].status == "pass"


async def test_failed_check_without_waiting_callers_raises_no_warning(
    given: Given, caplog: pytest.LogCaptureFixture
) -> None:
    await given.restart()
    waiting = asyncio.create_task(given.trust.wait_until_trusted())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    checking = given.trust._checking
    assert checking is not None
    await asyncio.wait([checking])
    del checking
    given.trust._checking = None
    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text
