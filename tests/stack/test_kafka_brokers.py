"""Three brokers, three copies: no acknowledged record is lost, doubled or missed by `end_offsets` if a leader dies."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.ports.event_log import OutcomeUnknown, Unavailable
from core.positions import offset_of
from deploy.local.stack import Stack
from schemas.topics import MESSAGE_SENT, TOPICS, Partition
from streams.log.kafka.log import KafkaLog
from streams.log.kafka.topics import create_topics
from tests.contracts.event_log import key_in, record, whole

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(240)]

ROLE = "kafka"
BROKERS = 3
PLACES = TOPICS[MESSAGE_SENT].all_partitions()


@pytest.fixture(scope="module")
def bootstrap(spare: Stack) -> str:
    where = spare.env()["CAAS_KAFKA_BOOTSTRAP"]
    asyncio.run(create_topics(where, 3, 2))
    return where


@pytest.fixture
async def log(bootstrap: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(bootstrap)
    await log.start()
    yield log
    await log.stop()


class Writer:
    """Appends to each partition in turn and asks for the end after each acknowledgment."""

    def __init__(self, log: KafkaLog) -> None:
        self.log = log
        self.keys = {place: key_in(place) for place in PLACES}
        self.acknowledged: dict[Partition, list[tuple[int, bytes]]] = {place: [] for place in PLACES}
        self.uncertain: list[bytes] = []
        self.longest_s = 0.0

    async def write(self, place: Partition, count: int) -> None:
        loop = asyncio.get_running_loop()
        for n in range(count):
            value, began = b"%d" % n, loop.time()
            try:
                offset = offset_of(await self.log.append(record(self.keys[place], value)))
            except OutcomeUnknown:
                self.uncertain.append(value)
                continue
            self.longest_s = max(self.longest_s, loop.time() - began)
            self.acknowledged[place].append((offset, value))
            try:
                end = (await self.log.end_offsets([place]))[place]
            except Unavailable:
                continue
            assert end > offset


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_lost_leader_costs_seconds_but_loses_nothing(spare: Stack, log: KafkaLog, how: str) -> None:
    before = await log.end_offsets(PLACES)
    writer = Writer(log)
    async with asyncio.TaskGroup() as group:
        for place in PLACES:
            group.create_task(writer.write(place, 1500))
        while sum(map(len, writer.acknowledged.values())) < 1000:
            await asyncio.sleep(0.01)
        disrupt = spare.kill if how == "kill" else spare.freeze
        await asyncio.to_thread(disrupt, "kafka-2")
        while min(map(len, writer.acknowledged.values())) < 1000:
            await asyncio.sleep(0.01)
        restore = spare.start if how == "kill" else spare.thaw
        await asyncio.to_thread(restore, "kafka-2")
    print(f"{how}: the longest append took {writer.longest_s:.1f} s, {len(writer.uncertain)} uncertain")
    found = await whole(log, before, await log.end_offsets(PLACES))
    for place in PLACES:
        mine = [(one.offset, one.value) for one in found if one.at() == place]
        acknowledged = dict(writer.acknowledged[place])
        assert {offset: value for offset, value in mine if offset in acknowledged} == acknowledged
        values = [int(value or b"") for _, value in mine]
        assert values == sorted(set(values))
