"""A log is compared with the read models made from it: its epoch, its ends, and the last record that was
read.
"""

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import LogTruncated
from core.positions import LogMismatch, position
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.memory import LogStorage, MemoryLog
from streams.runtime.lineage import EndsWatch, acknowledged, check_log, check_models, digest_of, skip_removed
from tests.streams.memberships.tailing import TruncatedLog
from tests.streams.world import World, said, stored

ROOM = Partition(MESSAGE_SENT, 3)


async def make_read_model(world: World, *, messages: int = 5) -> None:
    await world.append(*(said("room", n) for n in range(messages)))
    async with world.working():
        await world.passed()


async def new_log(*texts: str) -> MemoryLog:
    log = MemoryLog(LogStorage())
    await log.start()
    for n, text in enumerate(texts):
        await log.append(said("room", n, text=text))
    return log


async def test_log_of_the_read_model_is_accepted_when_it_has_grown(world: World) -> None:
    await make_read_model(world)
    await check_log(world.log, world.documents, "messages", 1, Health())
    await world.append(said("room", 5))
    await check_models(world.log, world.documents, ["messages", "conversations"], Health())


async def test_log_shorter_than_what_was_read_is_refused_with_the_missing_count(world: World) -> None:
    await make_read_model(world)
    shorter = await new_log("", "", "")
    with pytest.raises(
        LogMismatch, match=r"ends at 3, and messages has read it up to 5 \(2 records missing in all partitions\)"
    ):
        await check_log(shorter, world.documents, "messages", 1, Health())


async def test_longer_log_with_another_record_is_refused(world: World) -> None:
    await make_read_model(world)
    other = await new_log("", "", "", "", "another", "", "")
    with pytest.raises(LogMismatch, match=r"record 4 of message.sent \d is another one"):
        await check_log(other, world.documents, "messages", 1, Health())


async def test_another_epoch_is_refused(world: World) -> None:
    await make_read_model(world)
    await world.log.raise_epoch(2)
    with pytest.raises(LogMismatch, match="made from epoch 1 of the log, and this log is epoch 2"):
        await check_log(world.log, world.documents, "messages", 1, Health())


async def test_records_removed_before_they_were_read_are_reported(world: World) -> None:
    await make_read_model(world)
    [at] = [place for place, end in (await world.log.end_offsets([*world.log.storage.records])).items() if end]
    await world.append(said("room", 5), said("room", 6))
    truncated = TruncatedLog(world.log.storage, {at: 6})
    await truncated.start()
    with pytest.raises(LogTruncated, match="up to 5, and the log begins at 6"):
        await check_log(truncated, world.documents, "messages", 1, Health())


def test_short_ends_raise_at_the_third_consecutive_check() -> None:
    watch, read = EndsWatch("messages"), {ROOM: 7}
    for _ in range(3):
        watch.check({ROOM: 6}, read)
        watch.check({ROOM: 6}, read)
        watch.check({ROOM: 7}, read)
    watch.check({ROOM: 6}, read)
    watch.check({ROOM: 6}, read)
    with pytest.raises(LogMismatch):
        watch.check({ROOM: 6}, read)


def test_digest_distinguishes_records() -> None:
    records = [stored(said("room", 0, text=text), 0) for text in ("a", "b")]
    records += [stored(said("other", 0, text="a"), 0), stored(said("room", 1, text="a"), 0)]
    assert len({digest_of(record) for record in records}) == len(records)
    assert digest_of(records[0]) == digest_of(stored(said("room", 0, text="a"), 9)), (
        "the digest is of the record, not of its offset"
    )


async def test_unnumbered_read_model_continues_where_the_log_begins(world: World) -> None:
    await world.append(*(said("room", n) for n in range(9)))
    [at] = [place for place, end in (await world.log.end_offsets([*world.log.storage.records])).items() if end]
    for name in ("receipts", acknowledged("receipts")):
        await world.documents.save(Changes([], [], Checkpoint(name, 1, {at: position(1, 2)})))
    truncated = TruncatedLog(world.log.storage, {at: 6})
    await truncated.start()
    await skip_removed(truncated, world.documents, "receipts", 1, places=[at, ROOM], health=Health())
    for name in ("receipts", acknowledged("receipts")):
        assert await world.documents.checkpoints(name, 1) == {at: position(1, 6)}
    await check_log(truncated, world.documents, "receipts", 1, Health())
    await skip_removed(world.log, world.documents, "receipts", 1, places=[at], health=Health())
    assert await world.documents.checkpoints("receipts", 1) == {at: position(1, 6)}, "checkpoints never go back"
