"""A node's view starts at the checkpoints of the read model, if they are of this log."""

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import LogTruncated
from core.positions import LogMismatch, position
from projections.conversations import conversation_rows
from projections.generations import Pointer, replace_pointer
from projections.stores.memory import MemoryDocuments
from schemas.topics import CONVERSATION_UPDATED, Partition, partition_of
from streams.memberships.start import MembershipStart
from streams.rebuild.write_tracking import TrackedDocuments
from tests.eventually import eventually
from tests.streams.memberships.tailing import ALL, HISTORY, PLACES, TruncatedLog, append, logged, tailing, work
from tests.streams.world import FrailDocuments, opened, titled


async def test_log_beginning_beyond_the_read_model_is_refused() -> None:
    async with logged(*HISTORY) as log:
        documents, at = MemoryDocuments(), partition_of(CONVERSATION_UPDATED, b"a")
        await work(log, documents, ALL)
        await append(log, [titled("a", "1"), titled("a", "2")])
        offset = (await documents.checkpoints(conversation_rows.MODEL, 1))[at] - position(1, 0)
        lost = TruncatedLog(log.storage, {at: offset + 1})
        await lost.start()
        with pytest.raises(LogTruncated, match=f"up to {offset}, and the log begins at {offset + 1}"):
            await MembershipStart(lost, documents, Health()).offsets()


async def test_store_outage_is_waited_out_and_reported() -> None:
    documents, health = FrailDocuments(), Health()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
        documents.down = True
        async with tailing(log, documents, health) as tail:
            await eventually(lambda: "the store is down" in health.waiting.values())
            assert not tail.fresh
            documents.down = False
            await eventually(lambda: health.ready and tail.fresh)
            assert await tail.find("a") is not None


async def test_store_of_a_later_log_is_refused() -> None:
    documents = MemoryDocuments()
    await documents.save(Changes([], [], Checkpoint(conversation_rows.MODEL, 1, {PLACES[0]: position(3, 7)})))
    async with logged(epoch=2) as log:
        with pytest.raises(LogMismatch, match="epoch 3 of the log, and this log is epoch 2"):
            await MembershipStart(log, documents, Health()).offsets()


async def test_store_of_an_older_log_is_refused() -> None:
    documents = MemoryDocuments()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
    async with logged(opened("a"), titled("a", "new"), epoch=2) as recreated:
        with pytest.raises(LogMismatch, match="epoch 1 of the log, and this log is epoch 2"):
            await MembershipStart(recreated, documents, Health()).offsets()


async def test_log_shorter_than_its_store_is_refused() -> None:
    documents = MemoryDocuments()
    async with logged(*HISTORY) as log:
        await work(log, documents, ALL)
    async with logged(*HISTORY[:2]) as shorter:
        with pytest.raises(LogMismatch, match="the log is older than the read model conversations"):
            await MembershipStart(shorter, documents, Health()).offsets()


class Switching(TrackedDocuments):
    """After the checkpoints of generation 1 were read, generation 2 is live and the first is dropped."""

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        if generation == 1:
            await replace_pointer(self, conversation_rows.MODEL, Pointer(live=2, newest=2, turn=1), Pointer())
            await self.drop([], (conversation_rows.MODEL, 1))
        return await super().checkpoints(processor, generation)


async def test_switch_during_the_start_begins_at_the_new_generation() -> None:
    async with logged(*HISTORY) as log:
        documents = MemoryDocuments()
        await work(log, documents, (2,))
        await work(log, documents, ALL, generation=2)
        ends = await log.end_offsets(PLACES)
        rest = TruncatedLog(log.storage, ends)
        await rest.start()
        assert await MembershipStart(rest, Switching(documents), Health()).offsets() == ends
