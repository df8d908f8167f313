"""The event log while Kafka is frozen, killed, or not there yet."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from core.ports.event_log import OutcomeUnknown, Unavailable
from core.positions import offset_of
from deploy.local.stack import Stack
from schemas.envelope import Record
from schemas.topics import MESSAGE_SENT, Partition
from streams.log.kafka.appends import MAX_WAITING
from streams.log.kafka.log import KafkaLog
from streams.log.kafka.topics import create_topics
from tests.contracts.event_log import append_all, key_in, record, take, whole
from tests.eventually import eventually

pytestmark = [pytest.mark.stack, pytest.mark.kills]

ROLE = "kafka"
BROKER = "kafka-1"
PLACE = Partition(MESSAGE_SENT, 1)


@pytest.fixture(scope="module")
def kafka(spare: Stack) -> Stack:
    asyncio.run(create_topics(bootstrap_of(spare), 1, 1))
    return spare


@pytest.fixture
async def log(kafka: Stack) -> AsyncIterator[KafkaLog]:
    async with started(KafkaLog(bootstrap_of(kafka))) as log:
        yield log


@asynccontextmanager
async def started(log: KafkaLog) -> AsyncIterator[KafkaLog]:
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


@pytest.fixture(autouse=True)
def comes_back(kafka: Stack) -> Iterator[None]:
    yield
    if {one.state for one in kafka.status()} == {"frozen"}:
        kafka.thaw(BROKER)
    kafka.up()


def bootstrap_of(stack: Stack) -> str:
    return stack.env()["CAAS_KAFKA_BOOTSTRAP"]


def numbered(key: bytes, n: int) -> Record:
    return record(key, b"%d" % n)


async def test_frozen_kafka_bounds_waiting_appends_and_keeps_their_order(kafka: Stack, log: KafkaLog) -> None:
    key = key_in(PLACE)
    start = await log.end_offsets([PLACE])
    await log.append(numbered(key, 0))
    kafka.freeze(BROKER)
    waiting = [log.append(numbered(key, n)) for n in range(1, 1 + MAX_WAITING)]

    def refused() -> bool:
        future = log.append(numbered(key, len(waiting) + 1))
        if not future.done():
            waiting.append(future)
            return False
        return isinstance(future.exception(), Unavailable)

    await eventually(refused, within=2)
    assert not any(future.done() for future in waiting)
    kafka.thaw(BROKER)
    positions = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert positions == sorted(positions)
    end = await log.end_offsets([PLACE])
    assert [one.value for one in await whole(log, start, end)] == [b"%d" % n for n in range(len(waiting) + 1)]


async def test_load_alone_does_not_fail_appends(kafka: Stack, log: KafkaLog) -> None:
    futures = [log.append(numbered(key_in(PLACE), n)) for n in range(5 * MAX_WAITING)]
    assert not any(future.done() for future in futures)
    await asyncio.wait_for(asyncio.gather(*futures), 30)


async def test_append_timeout_shows_whether_the_outcome_is_known(kafka: Stack) -> None:
    async with started(KafkaLog(bootstrap_of(kafka), timeout_s=1.0)) as log:
        key = key_in(PLACE)
        await log.append(numbered(key, 0))
        kafka.freeze(BROKER)
        futures = []
        for n in range(6):  # The first go out in batches of their own; the rest wait behind them.
            futures.append(log.append(numbered(key, n)))
            for _ in range(5):
                await asyncio.sleep(0)
        answers = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)
        assert isinstance(answers[0], OutcomeUnknown)
        assert isinstance(answers[-1], Unavailable)
        kinds = [type(answer) for answer in answers]
        assert kinds == sorted(kinds, key=[OutcomeUnknown, Unavailable].index)
        kafka.thaw(BROKER)
        assert offset_of(await asyncio.wait_for(log.append(numbered(key, 9)), 30)) > 0


async def test_offsets_raise_unavailable_within_seconds_and_recover(kafka: Stack, log: KafkaLog) -> None:
    before = await log.end_offsets([PLACE])
    kafka.freeze(BROKER)
    answers = await asyncio.wait_for(
        asyncio.gather(log.end_offsets([PLACE]), log.beginning_offsets([PLACE]), return_exceptions=True), 4
    )
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    kafka.thaw(BROKER)

    async def answered() -> None:
        assert await log.end_offsets([PLACE]) == before

    await eventually(answered, within=20)


async def test_stop_ends_within_seconds_while_kafka_is_frozen(kafka: Stack) -> None:
    others = asyncio.all_tasks()
    log = KafkaLog(bootstrap_of(kafka), flush_s=0.5)
    await log.start()
    await log.append(record(key_in(PLACE)))
    kafka.freeze(BROKER)
    future = log.append(record(key_in(PLACE)))
    await asyncio.wait_for(log.stop(), 20)
    assert isinstance(future.exception(), OutcomeUnknown)
    await eventually(lambda: asyncio.all_tasks() <= others, within=5)


async def test_reads_and_appends_survive_a_kill(kafka: Stack, log: KafkaLog) -> None:
    key = key_in(PLACE)
    start = await log.end_offsets([PLACE])
    async with aclosing(log.read(start)) as batches:
        reading = asyncio.create_task(take(batches, 60))
        await append_all(log, [numbered(key, n) for n in range(20)])
        kafka.kill(BROKER)
        during = [log.append(numbered(key, n)) for n in range(20, 40)]
        await asyncio.to_thread(kafka.start, BROKER)
        await asyncio.wait_for(asyncio.gather(*during), 30)
        await append_all(log, [numbered(key, n) for n in range(40, 60)])
        found = await asyncio.wait_for(reading, 60)
    assert [one.value for one in found] == [b"%d" % n for n in range(60)]


async def test_start_waits_for_kafka(kafka: Stack) -> None:
    kafka.stop(BROKER)
    log = KafkaLog(bootstrap_of(kafka))
    starting = asyncio.create_task(log.start())
    await asyncio.to_thread(kafka.start, BROKER)
    await asyncio.wait_for(starting, 30)
    await asyncio.wait_for(log.append(record(key_in(PLACE))), 10)
    await log.stop()


async def test_cancelled_start_leaves_nothing_behind(kafka: Stack) -> None:
    others = asyncio.all_tasks()
    kafka.freeze(BROKER)
    starting = asyncio.create_task(KafkaLog(bootstrap_of(kafka)).start())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(starting, 1)
    await eventually(lambda: asyncio.all_tasks() <= others, within=5)
