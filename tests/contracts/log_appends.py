"""Contract of every event log: appends, until it stops."""

import asyncio
from itertools import pairwise

import pytest

from core.ports.event_log import EventLog, Unavailable
from core.positions import epoch_of, offset_of, position
from schemas.envelope import Record
from schemas.topics import (
    CONVERSATION_UPDATED,
    MESSAGE_DELIVERED,
    MESSAGE_EDITED,
    MESSAGE_SENT,
    TOPICS,
    Partition,
    partition_of,
    partitions,
)
from tests.contracts.log_calls import TIMEOUT_S, append_all, appended, fresh_key, key_in, record, whole


class LogAppendsContract:
    """Appends, values of records, beginning and end offsets, stop."""

    # append

    async def test_append_returns_the_position_of_the_record(self, log: EventLog) -> None:
        sent = record(fresh_key(), b'{"text": "hi"}', ce_id=b"1", correlation_id=b"2")
        at = await asyncio.wait_for(log.append(sent), TIMEOUT_S)
        place, offset = partition_of(MESSAGE_SENT, sent.key or b""), offset_of(at)
        [found] = await whole(log, {place: offset}, {place: offset + 1})
        assert (found.topic, found.partition, found.offset) == (*place, offset)
        assert found.at() == place
        assert found.position == at
        assert (found.key, found.value, found.headers) == (sent.key, sent.value, sent.headers)

    async def test_append_returns_a_future_at_once(self, log: EventLog) -> None:
        future = log.append(record(fresh_key()))
        assert asyncio.isfuture(future)
        assert not future.done()
        assert await asyncio.wait_for(future, TIMEOUT_S) > 0

    async def test_positions_carry_the_epoch_and_grow_with_offsets(self, log: EventLog) -> None:
        key = fresh_key()
        assert log.epoch >= 1
        positions = await append_all(log, [record(key) for _ in range(10)])
        assert all(epoch_of(at) == log.epoch for at in positions)
        assert all(at == position(log.epoch, offset_of(at)) for at in positions)
        assert all(earlier < later for earlier, later in pairwise(positions))

    async def test_records_of_one_key_keep_the_order_of_the_calls(self, log: EventLog) -> None:
        keys = [fresh_key() for _ in range(8)]
        found = await appended(log, [record(key, b"%d" % n) for n in range(100) for key in keys])
        for key in keys:
            assert [one.value for one in found if one.key == key] == [b"%d" % n for n in range(100)]

    async def test_concurrent_writers_keep_the_order_of_each_key(self, log: EventLog) -> None:
        keys = [fresh_key() for _ in range(8)]
        everywhere = TOPICS[MESSAGE_SENT].all_partitions()
        before = await log.end_offsets(everywhere)

        async def write(key: bytes) -> list[int]:
            futures = []
            for n in range(50):
                futures.append(log.append(record(key, b"%d" % n)))
                if n % 7 == 0:
                    await futures[-1]
            return list(await asyncio.gather(*futures))

        positions = await asyncio.wait_for(asyncio.gather(*map(write, keys)), TIMEOUT_S)
        found = await whole(log, before, await log.end_offsets(everywhere))
        for key, expected in zip(keys, positions, strict=True):
            mine = [one for one in found if one.key == key]
            assert [one.value for one in mine] == [b"%d" % n for n in range(50)]
            assert [one.position for one in mine] == expected

    async def test_concurrent_appends_are_each_in_the_log_once(self, log: EventLog) -> None:
        key = fresh_key()
        found = await appended(log, [record(key, b"%d" % n) for n in range(3000)])
        assert [one.value for one in found if one.key == key] == [b"%d" % n for n in range(3000)]

    async def test_cancelled_caller_does_not_affect_others(self, log: EventLog) -> None:
        key = fresh_key()
        futures = [log.append(record(key, b"%d" % n)) for n in range(20)]
        futures[7].cancel()
        rest = [future for future in futures if not future.cancelled()]
        positions = await asyncio.wait_for(asyncio.gather(*rest), TIMEOUT_S)
        assert positions == sorted(set(positions))
        assert await asyncio.wait_for(log.append(record(key)), TIMEOUT_S) > positions[-1]

    @pytest.mark.parametrize("topic", sorted(TOPICS))
    async def test_keys_are_partitioned_as_in_kafka(self, log: EventLog, topic: str) -> None:
        keys = [key_in(place) for place in TOPICS[topic].all_partitions()]
        found = await appended(log, [record(key, topic=topic) for key in keys])
        assert {one.key: one.at() for one in found} == {key: partition_of(topic, key) for key in keys}

    # values of records

    @pytest.mark.parametrize("value", [None, b"", b"\x00\xff\xfe", b"{}", b"x" * 100_000])
    async def test_values_round_trip(self, log: EventLog, value: bytes | None) -> None:
        key = fresh_key()
        found = await appended(log, [record(key, value)])
        assert [one.value for one in found if one.key == key] == [value]

    @pytest.mark.parametrize("key", [None, b"", b"\x00", b"\xff\xfe\x00 key", "ключ".encode(), b"k" * 1000])
    async def test_keys_round_trip(self, log: EventLog, key: bytes | None) -> None:
        mark = fresh_key()
        found = await appended(log, [record(key, mark)])
        assert [one.key for one in found if one.value == mark] == [key]

    async def test_headers_round_trip_in_order(self, log: EventLog) -> None:
        key = fresh_key()
        headers = (("b", b"1"), ("a", b""), ("b", b"\x00\xff"), ("ünï", "☃".encode()), ("b", b"1"))
        found = await appended(log, [Record(MESSAGE_SENT, key, b"{}", headers)])
        assert [one.headers for one in found if one.key == key] == [headers]

    async def test_a_record_without_headers_has_none(self, log: EventLog) -> None:
        key = fresh_key()
        found = await appended(log, [Record(MESSAGE_SENT, key, b"{}")])
        assert [one.headers for one in found if one.key == key] == [()]

    # beginning and end offsets

    async def test_end_offsets_count_every_acknowledged_append(self, log: EventLog) -> None:
        place = Partition(MESSAGE_EDITED, 1)
        key = key_in(place)
        before = await log.end_offsets([place])
        for n in range(1, 6):
            at = await asyncio.wait_for(log.append(record(key, topic=MESSAGE_EDITED)), TIMEOUT_S)
            assert await log.end_offsets([place]) == {place: before[place] + n} == {place: offset_of(at) + 1}

    async def test_offsets_are_returned_for_the_given_partitions(self, log: EventLog) -> None:
        asked = partitions(MESSAGE_SENT, CONVERSATION_UPDATED)[2:8]
        begins, ends = await log.beginning_offsets(asked), await log.end_offsets(iter(asked))
        assert set(begins) == set(ends) == set(asked)
        assert all(0 <= begins[place] <= ends[place] for place in asked)

    async def test_append_moves_the_end_of_its_own_partition_only(self, log: EventLog) -> None:
        everywhere = partitions(MESSAGE_SENT, MESSAGE_DELIVERED)
        before = await log.end_offsets(everywhere)
        key = fresh_key()
        await append_all(log, [record(key)])
        after = await log.end_offsets(everywhere)
        assert [p for p in everywhere if after[p] != before[p]] == [partition_of(MESSAGE_SENT, key)]

    # stop

    async def test_stop_flushes_appended_records(self, log: EventLog) -> None:
        futures = [log.append(record(fresh_key())) for _ in range(200)]
        await asyncio.wait_for(log.stop(), TIMEOUT_S)
        assert all(future.done() for future in futures)
        assert all(future.result() > 0 for future in futures)

    async def test_stopping_twice_is_harmless(self, log: EventLog) -> None:
        await asyncio.wait_for(log.stop(), TIMEOUT_S)
        await asyncio.wait_for(log.stop(), TIMEOUT_S)

    async def test_append_after_stop_raises_unavailable(self, log: EventLog) -> None:
        await asyncio.wait_for(log.stop(), TIMEOUT_S)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(log.append(record(fresh_key())), TIMEOUT_S)
