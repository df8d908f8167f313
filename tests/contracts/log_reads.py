"""Contract of every event log: reads."""

import asyncio

import pytest

from core.ports.event_log import EventLog, Received
from schemas.topics import (
    MESSAGE_DELIVERED,
    MESSAGE_EDITED,
    MESSAGE_SENT,
    Partition,
    partitions,
)
from tests.contracts.log_calls import TIMEOUT_S, append_all, fresh_key, key_in, reading, record, take, whole


class LogReadsContract:
    """Bounded and live reads."""

    # bounded reads

    async def test_bounded_read_has_no_gaps_and_ends_before_its_bound(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 2)
        start = (await log.end_offsets([place]))[place]
        await append_all(log, [record(key_in(place)) for _ in range(40)])
        found = await whole(log, {place: start + 5}, {place: start + 30})
        assert [one.offset for one in found] == list(range(start + 5, start + 30))

    async def test_bounded_read_reads_each_partition_to_its_bound(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT, MESSAGE_EDITED)
        before = await log.end_offsets(places)
        keys = [(place.topic, key_in(place)) for place in places]
        await append_all(log, [record(key, topic=topic) for _ in range(20) for topic, key in keys])
        start = {place: before[place] + n for n, place in enumerate(places)}
        until = {place: before[place] + 10 + n for n, place in enumerate(places)}
        found = await whole(log, start, until)
        for place in places:
            offsets = [one.offset for one in found if one.at() == place]
            assert offsets == list(range(start[place], until[place]))

    async def test_partition_without_a_start_is_not_read(self, log: EventLog) -> None:
        one, other = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_SENT, 1)
        before = await log.end_offsets([one, other])
        await append_all(log, [record(key_in(place)) for place in (one, other) for _ in range(5)])
        after = await log.end_offsets([one, other])
        found = await whole(log, {one: before[one]}, {one: after[one]})
        assert len(found) == 5
        assert {received.at() for received in found} == {one}

    async def test_empty_bounded_read_ends(self, log: EventLog) -> None:
        ends = await log.end_offsets(partitions(MESSAGE_SENT))
        assert await whole(log, ends, ends) == []
        assert await whole(log, {}, {}) == []

    async def test_bounded_read_continues_past_empty_partitions(self, log: EventLog) -> None:
        one, other = Partition(MESSAGE_SENT, 3), Partition(MESSAGE_SENT, 4)
        before = await log.end_offsets([one, other])
        await append_all(log, [record(key_in(one)) for _ in range(7)])
        after = await log.end_offsets([one, other])
        assert len(await whole(log, before, after)) == 7

    async def test_bound_after_the_end_waits_for_records(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 5)
        end = (await log.end_offsets([place]))[place]
        waiting = asyncio.create_task(whole(log, {place: end}, {place: end + 2}))
        await append_all(log, [record(key_in(place)) for _ in range(3)])
        assert [one.offset for one in await waiting] == [end, end + 1]

    async def test_batches_hold_at_most_the_limit(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        before = await log.end_offsets(places)
        await append_all(log, [record(key_in(place)) for place in places for _ in range(20)])
        until = await log.end_offsets(places)
        async with asyncio.timeout(TIMEOUT_S), reading(log, before, until, 7) as batches:
            sizes = [len(batch) async for batch in batches]
        assert sum(sizes) == 20 * len(places)
        assert all(0 < size <= 7 for size in sizes)

    async def test_record_is_read_again_at_the_same_offset(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        start = await log.end_offsets(places)
        await append_all(log, [record(fresh_key(), b"%d" % n) for n in range(50)])
        until = await log.end_offsets(places)

        def at(one: Received) -> tuple[int, int]:
            return one.partition, one.offset

        first = sorted(await whole(log, start, until), key=at)
        await append_all(log, [record(fresh_key()) for _ in range(50)])
        assert sorted(await whole(log, start, until, limit=3), key=at) == first

    # live reads

    async def test_live_read_waits_for_new_records(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        start = await log.end_offsets(places)
        key = fresh_key()
        async with reading(log, start) as batches:
            waiting = asyncio.create_task(take(batches, 1))
            await append_all(log, [record(key, b"first")])
            assert [one.value for one in await waiting] == [b"first"]
            waiting = asyncio.create_task(take(batches, 2))
            await append_all(log, [record(key, b"second"), record(key, b"third")])
            assert [one.value for one in await waiting] == [b"second", b"third"]

    async def test_live_read_continues_from_old_to_new_records_without_a_gap(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT, MESSAGE_DELIVERED)
        start = await log.end_offsets(places)
        keys = [(place.topic, key_in(place)) for place in places]
        old = [record(key, b"%d" % n, topic) for n in range(50) for topic, key in keys]
        new = [record(key, b"%d" % n, topic) for n in range(50, 100) for topic, key in keys]
        await append_all(log, old)
        async with reading(log, start, limit=64) as batches:
            found = await take(batches, 70)
            rest = asyncio.create_task(take(batches, len(old) + len(new) - len(found)))
            await append_all(log, new)
            found += await rest
        for place in places:
            mine = [one for one in found if one.at() == place]
            assert [one.offset for one in mine] == list(range(start[place], start[place] + 100))
            assert [one.value for one in mine] == [b"%d" % n for n in range(100)]

    async def test_live_readers_do_not_share_their_progress(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 0)
        start = (await log.end_offsets([place]))[place]
        await append_all(log, [record(key_in(place)) for _ in range(10)])
        async with reading(log, {place: start}) as one, reading(log, {place: start + 4}) as other:
            assert [r.offset for r in await take(one, 10)] == list(range(start, start + 10))
            assert [r.offset for r in await take(other, 6)] == list(range(start + 4, start + 10))

    async def test_waiting_reader_can_be_cancelled(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 1)
        start = await log.end_offsets([place])
        waiting = asyncio.create_task(take(log.read(start), 1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await append_all(log, [record(key_in(place), b"after")])
        async with reading(log, start) as batches:
            assert [one.value for one in await take(batches, 1)] == [b"after"]
