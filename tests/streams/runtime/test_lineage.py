"""A log is compared with what was made from it: its epoch, its ends, and the last record that was read of it."""

import pytest

from core.health import Health
from core.ports.documents import Changes, Checkpoint
from core.ports.event_log import LogTruncated
from core.positions import LogMismatch, position
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.memory import Held, MemoryLog
from streams.runtime.lineage import EndsWatch, acknowledged, check_log, check_models, digest_of, skip_removed
from tests.streams.memberships.tailing import TruncatedLog
from tests.streams.world import World, lying, said

ROOM = Partition(MESSAGE_SENT, 3)


async def made(world: World, *, messages: int = 5) -> None:
    await world.append(*(said("room", n) for n in range(messages)))
    async with world.working():
        await world.passed()


async def anew(*texts: str) -> MemoryLog:
    log = MemoryLog(Held())
    await log.start()
    for n, text in enumerate(texts):
        await log.append(said("room", n, text=text))
    return log


async def test_the_log_that_it_was_made_from_is_accepted_also_when_it_has_grown(world: World) -> None:
    await made(world)
    await check_log(world.log, world.documents, "messages", 1, Health())
    await world.append(said("room", 5))
    await check_models(world.log, world.documents, ["messages", "conversations"], Health())


async def test_a_log_that_ends_before_what_was_read_is_refused_with_what_is_missing(world: World) -> None:
    await made(world)
    shorter = await anew("", "", "")
    with pytest.raises(
        LogMismatch, match=r"ends at 3, and messages has read it up to 5 \(2 records missing in all partitions\)"
    ):
        await check_log(shorter, world.documents, "messages", 1, Health())


async def test_a_log_that_has_another_record_where_it_was_read_is_refused_though_it_is_longer(world: World) -> None:
    await made(world)
    other = await anew("", "", "", "", "another", "", "")
    with pytest.raises(LogMismatch, match=r"record 4 of message.sent \d is another one"):
        await check_log(other, world.documents, "messages", 1, Health())


async def test_another_epoch_is_refused(world: World) -> None:
    await made(world)
    await world.log.raise_epoch(2)
    with pytest.raises(LogMismatch, match="made from epoch 1 of the log, and this log is epoch 2"):
        await check_log(world.log, world.documents, "messages", 1, Health())


async def test_records_that_were_removed_before_they_were_read_are_named(world: World) -> None:
    await made(world)
    [at] = [place for place, end in (await world.log.ends([*world.log.held.records])).items() if end]
    await world.append(said("room", 5), said("room", 6))
    truncated = TruncatedLog(world.log.held, {at: 6})
    await truncated.start()
    with pytest.raises(LogTruncated, match="up to 5, and the log begins at 6"):
        await check_log(truncated, world.documents, "messages", 1, Health())


def test_ends_are_too_short_only_when_three_looks_running_say_so() -> None:
    watch, read = EndsWatch("messages"), {ROOM: 7}
    for _ in range(3):
        watch.look({ROOM: 6}, read)
        watch.look({ROOM: 6}, read)
        watch.look({ROOM: 7}, read)
    watch.look({ROOM: 6}, read)
    watch.look({ROOM: 6}, read)
    with pytest.raises(LogMismatch):
        watch.look({ROOM: 6}, read)


def test_a_digest_tells_records_apart() -> None:
    records = [lying(said("room", 0, text=text), 0) for text in ("a", "b")]
    records += [lying(said("other", 0, text="a"), 0), lying(said("room", 1, text="a"), 0)]
    assert len({digest_of(record) for record in records}) == len(records)
    assert digest_of(records[0]) == digest_of(lying(said("room", 0, text="a"), 9)), "it is the record, not its place"


async def test_what_is_not_numbered_goes_on_where_the_log_begins(world: World) -> None:
    await world.append(*(said("room", n) for n in range(9)))
    [at] = [place for place, end in (await world.log.ends([*world.log.held.records])).items() if end]
    for name in ("receipts", acknowledged("receipts")):
        await world.documents.save(Changes([], [], Checkpoint(name, 1, {at: position(1, 2)})))
    truncated = TruncatedLog(world.log.held, {at: 6})
    await truncated.start()
    await skip_removed(truncated, world.documents, "receipts", 1, places=[at, ROOM], health=Health())
    for name in ("receipts", acknowledged("receipts")):
        assert await world.documents.checkpoints(name, 1) == {at: position(1, 6)}
    await check_log(truncated, world.documents, "receipts", 1, Health())
    await skip_removed(world.log, world.documents, "receipts", 1, places=[at], health=Health())
    assert await world.documents.checkpoints("receipts", 1) == {at: position(1, 6)}, "nothing goes back"
