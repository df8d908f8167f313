"""What every event log does, in a log that other tests have written to before."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import uuid4

import pytest

from core.ports.event_log import EventLog, Received, Unavailable
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

WITHIN_S = 30


def fresh_key() -> bytes:
    return str(uuid4()).encode()


def record(key: bytes | None, value: bytes | None = b"{}", topic: str = MESSAGE_SENT, **headers: bytes) -> Record:
    return Record(topic, key, value, tuple(headers.items()))


def key_in(partition: Partition) -> bytes:
    """A key nobody used before that lies in this partition."""
    while partition_of(partition.topic, key := fresh_key()) != partition:
        pass
    return key


async def append_all(log: EventLog, records: Iterable[Record]) -> list[int]:
    return await asyncio.wait_for(asyncio.gather(*(log.append(one) for one in records)), WITHIN_S)


@asynccontextmanager
async def reading(
    log: EventLog, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, limit: int = 1000
) -> AsyncIterator[AsyncIterator[Sequence[Received]]]:
    """A read that is over when the block ends."""
    batches = log.read(start, until, limit=limit)
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()


async def whole(
    log: EventLog, start: dict[Partition, int], until: dict[Partition, int], limit: int = 1000
) -> list[Received]:
    """A bounded read in one list."""
    async with asyncio.timeout(WITHIN_S), reading(log, start, until, limit) as batches:
        return [one async for batch in batches for one in batch]


async def appended(log: EventLog, records: Sequence[Record]) -> list[Received]:
    """Append records of one topic and read back everything that the log then has more of, partition by partition."""
    everywhere = TOPICS[records[0].topic].all_partitions()
    before = await log.ends(everywhere)
    await append_all(log, records)
    found = await whole(log, before, await log.ends(everywhere))
    return sorted(found, key=lambda one: (one.partition, one.offset))


async def take(batches: AsyncIterator[Sequence[Received]], count: int) -> list[Received]:
    """At least `count` records of a live read."""
    found: list[Received] = []
    async with asyncio.timeout(WITHIN_S):
        while len(found) < count:
            found.extend(await anext(batches))
    return found


class EventLogContract:
    """Give a fixture `log`: a started EventLog, stopped by the fixture afterwards."""

    # append

    async def test_an_append_answers_the_position_where_the_record_lies(self, log: EventLog) -> None:
        sent = record(fresh_key(), b'{"text": "hi"}', ce_id=b"1", correlation_id=b"2")
        at = await asyncio.wait_for(log.append(sent), WITHIN_S)
        place, offset = partition_of(MESSAGE_SENT, sent.key or b""), offset_of(at)
        [found] = await whole(log, {place: offset}, {place: offset + 1})
        assert (found.topic, found.partition, found.offset) == (*place, offset)
        assert found.at() == place
        assert found.position == at
        assert (found.key, found.value, found.headers) == (sent.key, sent.value, sent.headers)

    async def test_append_answers_a_future_at_once(self, log: EventLog) -> None:
        future = log.append(record(fresh_key()))
        assert asyncio.isfuture(future)
        assert not future.done()
        assert await asyncio.wait_for(future, WITHIN_S) > 0

    async def test_positions_carry_the_epoch_and_grow_with_offsets(self, log: EventLog) -> None:
        key = fresh_key()
        assert log.epoch >= 1
        positions = await append_all(log, [record(key) for _ in range(10)])
        assert all(epoch_of(at) == log.epoch for at in positions)
        assert all(at == position(log.epoch, offset_of(at)) for at in positions)
        assert all(earlier < later for earlier, later in pairwise(positions))

    async def test_records_of_one_key_lie_in_the_order_of_the_calls(self, log: EventLog) -> None:
        keys = [fresh_key() for _ in range(8)]
        found = await appended(log, [record(key, b"%d" % n) for n in range(100) for key in keys])
        for key in keys:
            assert [one.value for one in found if one.key == key] == [b"%d" % n for n in range(100)]

    async def test_concurrent_writers_keep_the_order_of_each_key(self, log: EventLog) -> None:
        keys = [fresh_key() for _ in range(8)]
        everywhere = TOPICS[MESSAGE_SENT].all_partitions()
        before = await log.ends(everywhere)

        async def write(key: bytes) -> list[int]:
            futures = []
            for n in range(50):
                futures.append(log.append(record(key, b"%d" % n)))
                if n % 7 == 0:
                    await futures[-1]
            return list(await asyncio.gather(*futures))

        positions = await asyncio.wait_for(asyncio.gather(*map(write, keys)), WITHIN_S)
        found = await whole(log, before, await log.ends(everywhere))
        for key, told in zip(keys, positions, strict=True):
            mine = [one for one in found if one.key == key]
            assert [one.value for one in mine] == [b"%d" % n for n in range(50)]
            assert [one.position for one in mine] == told

    async def test_many_appends_at_once_are_each_in_the_log_once(self, log: EventLog) -> None:
        key = fresh_key()
        found = await appended(log, [record(key, b"%d" % n) for n in range(3000)])
        assert [one.value for one in found if one.key == key] == [b"%d" % n for n in range(3000)]

    async def test_a_caller_who_gives_up_does_not_disturb_the_others(self, log: EventLog) -> None:
        key = fresh_key()
        futures = [log.append(record(key, b"%d" % n)) for n in range(20)]
        futures[7].cancel()
        rest = [future for future in futures if not future.cancelled()]
        positions = await asyncio.wait_for(asyncio.gather(*rest), WITHIN_S)
        assert positions == sorted(set(positions))
        assert await asyncio.wait_for(log.append(record(key)), WITHIN_S) > positions[-1]

    @pytest.mark.parametrize("topic", sorted(TOPICS))
    async def test_every_topic_has_its_partitions_and_keys_lie_where_kafka_puts_them(
        self, log: EventLog, topic: str
    ) -> None:
        keys = [key_in(place) for place in TOPICS[topic].all_partitions()]
        found = await appended(log, [record(key, topic=topic) for key in keys])
        assert {one.key: one.at() for one in found} == {key: partition_of(topic, key) for key in keys}

    # what records may be

    @pytest.mark.parametrize("value", [None, b"", b"\x00\xff\xfe", b"{}", b"x" * 100_000])
    async def test_values_of_any_kind_come_back_as_they_were(self, log: EventLog, value: bytes | None) -> None:
        key = fresh_key()
        found = await appended(log, [record(key, value)])
        assert [one.value for one in found if one.key == key] == [value]

    @pytest.mark.parametrize("key", [None, b"", b"\x00", b"\xff\xfe\x00 key", "ключ".encode(), b"k" * 1000])
    async def test_keys_of_any_kind_come_back_as_they_were(self, log: EventLog, key: bytes | None) -> None:
        mark = fresh_key()
        found = await appended(log, [record(key, mark)])
        assert [one.key for one in found if one.value == mark] == [key]

    async def test_headers_come_back_in_order_with_empty_values_and_repeated_names(self, log: EventLog) -> None:
        key = fresh_key()
        headers = (("b", b"1"), ("a", b""), ("b", b"\x00\xff"), ("ünï", "☃".encode()), ("b", b"1"))
        found = await appended(log, [Record(MESSAGE_SENT, key, b"{}", headers)])
        assert [one.headers for one in found if one.key == key] == [headers]

    async def test_a_record_without_headers_has_none(self, log: EventLog) -> None:
        key = fresh_key()
        found = await appended(log, [Record(MESSAGE_SENT, key, b"{}")])
        assert [one.headers for one in found if one.key == key] == [()]

    # ends and begins

    async def test_ends_count_every_acknowledged_append(self, log: EventLog) -> None:
        place = Partition(MESSAGE_EDITED, 1)
        key = key_in(place)
        before = await log.ends([place])
        for n in range(1, 6):
            at = await asyncio.wait_for(log.append(record(key, topic=MESSAGE_EDITED)), WITHIN_S)
            assert await log.ends([place]) == {place: before[place] + n} == {place: offset_of(at) + 1}

    async def test_ends_and_begins_answer_the_partitions_asked_for(self, log: EventLog) -> None:
        asked = partitions(MESSAGE_SENT, CONVERSATION_UPDATED)[2:8]
        begins, ends = await log.begins(asked), await log.ends(iter(asked))
        assert set(begins) == set(ends) == set(asked)
        assert all(0 <= begins[place] <= ends[place] for place in asked)

    async def test_an_append_moves_the_end_of_its_own_partition_only(self, log: EventLog) -> None:
        everywhere = partitions(MESSAGE_SENT, MESSAGE_DELIVERED)
        before = await log.ends(everywhere)
        key = fresh_key()
        await append_all(log, [record(key)])
        after = await log.ends(everywhere)
        assert [p for p in everywhere if after[p] != before[p]] == [partition_of(MESSAGE_SENT, key)]

    # bounded reads

    async def test_a_bounded_read_has_no_holes_and_ends_before_its_bound(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 2)
        start = (await log.ends([place]))[place]
        await append_all(log, [record(key_in(place)) for _ in range(40)])
        found = await whole(log, {place: start + 5}, {place: start + 30})
        assert [one.offset for one in found] == list(range(start + 5, start + 30))

    async def test_a_bounded_read_of_several_partitions_reads_each_to_its_own_bound(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT, MESSAGE_EDITED)
        before = await log.ends(places)
        keys = [(place.topic, key_in(place)) for place in places]
        await append_all(log, [record(key, topic=topic) for _ in range(20) for topic, key in keys])
        start = {place: before[place] + n for n, place in enumerate(places)}
        until = {place: before[place] + 10 + n for n, place in enumerate(places)}
        found = await whole(log, start, until)
        for place in places:
            offsets = [one.offset for one in found if one.at() == place]
            assert offsets == list(range(start[place], until[place]))

    async def test_a_partition_without_a_start_is_not_read(self, log: EventLog) -> None:
        one, other = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_SENT, 1)
        before = await log.ends([one, other])
        await append_all(log, [record(key_in(place)) for place in (one, other) for _ in range(5)])
        after = await log.ends([one, other])
        found = await whole(log, {one: before[one]}, {one: after[one]})
        assert len(found) == 5
        assert {received.at() for received in found} == {one}

    async def test_a_bounded_read_of_nothing_ends(self, log: EventLog) -> None:
        ends = await log.ends(partitions(MESSAGE_SENT))
        assert await whole(log, ends, ends) == []
        assert await whole(log, {}, {}) == []

    async def test_a_bounded_read_goes_on_past_partitions_that_have_nothing(self, log: EventLog) -> None:
        one, other = Partition(MESSAGE_SENT, 3), Partition(MESSAGE_SENT, 4)
        before = await log.ends([one, other])
        await append_all(log, [record(key_in(one)) for _ in range(7)])
        after = await log.ends([one, other])
        assert len(await whole(log, before, after)) == 7

    async def test_a_bound_ahead_of_the_log_waits_for_the_records_up_to_it(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 5)
        end = (await log.ends([place]))[place]
        waiting = asyncio.create_task(whole(log, {place: end}, {place: end + 2}))
        await append_all(log, [record(key_in(place)) for _ in range(3)])
        assert [one.offset for one in await waiting] == [end, end + 1]

    async def test_batches_hold_at_most_the_limit(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        before = await log.ends(places)
        await append_all(log, [record(key_in(place)) for place in places for _ in range(20)])
        until = await log.ends(places)
        async with asyncio.timeout(WITHIN_S), reading(log, before, until, 7) as batches:
            sizes = [len(batch) async for batch in batches]
        assert sum(sizes) == 20 * len(places)
        assert all(0 < size <= 7 for size in sizes)

    async def test_what_was_read_once_is_read_again_in_the_same_place(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        start = await log.ends(places)
        await append_all(log, [record(fresh_key(), b"%d" % n) for n in range(50)])
        until = await log.ends(places)

        def at(one: Received) -> tuple[int, int]:
            return one.partition, one.offset

        first = sorted(await whole(log, start, until), key=at)
        await append_all(log, [record(fresh_key()) for _ in range(50)])
        assert sorted(await whole(log, start, until, limit=3), key=at) == first

    # live reads

    async def test_a_live_read_waits_for_what_comes(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT)
        start = await log.ends(places)
        key = fresh_key()
        async with reading(log, start) as batches:
            waiting = asyncio.create_task(take(batches, 1))
            await append_all(log, [record(key, b"first")])
            assert [one.value for one in await waiting] == [b"first"]
            waiting = asyncio.create_task(take(batches, 2))
            await append_all(log, [record(key, b"second"), record(key, b"third")])
            assert [one.value for one in await waiting] == [b"second", b"third"]

    async def test_a_live_read_goes_from_old_records_to_new_ones_without_a_hole(self, log: EventLog) -> None:
        places = partitions(MESSAGE_SENT, MESSAGE_DELIVERED)
        start = await log.ends(places)
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
        start = (await log.ends([place]))[place]
        await append_all(log, [record(key_in(place)) for _ in range(10)])
        async with reading(log, {place: start}) as one, reading(log, {place: start + 4}) as other:
            assert [r.offset for r in await take(one, 10)] == list(range(start, start + 10))
            assert [r.offset for r in await take(other, 6)] == list(range(start + 4, start + 10))

    async def test_a_reader_can_be_cancelled_while_it_waits(self, log: EventLog) -> None:
        place = Partition(MESSAGE_SENT, 1)
        start = await log.ends([place])
        waiting = asyncio.create_task(take(log.read(start), 1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await append_all(log, [record(key_in(place), b"after")])
        async with reading(log, start) as batches:
            assert [one.value for one in await take(batches, 1)] == [b"after"]

    # stop

    async def test_stop_flushes_what_was_appended(self, log: EventLog) -> None:
        futures = [log.append(record(fresh_key())) for _ in range(200)]
        await asyncio.wait_for(log.stop(), WITHIN_S)
        assert all(future.done() for future in futures)
        assert all(future.result() > 0 for future in futures)

    async def test_stopping_twice_is_harmless(self, log: EventLog) -> None:
        await asyncio.wait_for(log.stop(), WITHIN_S)
        await asyncio.wait_for(log.stop(), WITHIN_S)

    async def test_an_append_after_stop_fails_as_unavailable(self, log: EventLog) -> None:
        await asyncio.wait_for(log.stop(), WITHIN_S)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(log.append(record(fresh_key())), WITHIN_S)
