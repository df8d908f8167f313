import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from edge.tools.bench import wire
from edge.tools.bench.gathering import PER_SEND, Chances, gathering, pairs
from edge.tools.bench.run import bench
from edge.tools.bench.servers import run_name, seed, system
from edge.tools.bench.session import Seen, Session
from edge.tools.bench.spec import Seat, Talk
from edge.tools.bench.thousand import talked
from edge.tools.bench.world import World

GREETED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


def framed(text: str) -> bytes:
    payload = text.encode()
    return bytes((0x81, 126)) + len(payload).to_bytes(2, "big") + payload


HELLO = framed('{"type":"hello","data":{}}')


def new(n: int) -> bytes:
    data = f'{{"conversation_id":"{ROOM}","seq":{n},"text":"1000000000 xxx"}}'
    return framed(f'{{"type":"message:new","data":{data},"lane":"sent","n":{n},"correlation_id":"x"}}')


def results(*frames: bytes) -> Seen:
    """Return what a logged-in session has counted of these frames."""
    seen = Seen()

    async def receive() -> None:
        session = Session("ann", b"", seen)
        session.data_received(GREETED + HELLO)
        for frame in frames:
            session.data_received(frame)

    asyncio.run(receive())
    return seen


def test_pushes_in_order_are_counted() -> None:
    seen = results(new(1) + new(2), new(3))
    assert (seen.delivered, seen.faults) == (3, [])


@pytest.mark.parametrize("numbers", [(1, 1), (1, 3), (2,), (1, 2, 1)])
def test_duplicate_or_reordered_push_is_a_fault(numbers: tuple[int, ...]) -> None:
    assert len(results(*(new(n) for n in numbers)).faults) == 1


def test_error_and_close_are_faults() -> None:
    assert len(results(framed('{"id":1,"error":{"code":"unavailable"},"type":"error"}')).faults) == 1
    assert "4408" in results(bytes((0x88, 2)) + (4408).to_bytes(2, "big")).faults[0]


def test_unknown_push_is_ignored() -> None:
    seen = results(framed('{"type":"slow_down","data":{"wait_ms":1000}}'), new(1))
    assert (seen.delivered, seen.faults) == (1, [])


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(1, 90), max_size=40))
def test_frames_are_decoded_however_the_bytes_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(framed(payload.hex()) for payload in payloads)
    found, rest = [], b""
    for cut in [*cuts, len(stream)]:
        frames, rest = wire.frames(rest + stream[:cut])
        stream = stream[cut:]
        found += frames
    assert (found, rest) == ([(wire.TEXT, payload.hex().encode()) for payload in payloads], b"")


def test_users_are_in_one_conversation_of_each_size_and_sends_have_their_shares() -> None:
    seats, circles, records = gathering(World(), 1_000, [1, 2])
    assert Counter(seat.port for seat in seats) == {1: 500, 2: 500}
    assert len(circles) == len(records) == 500 + 50 + 2
    assert Counter(member for circle in circles for member in circle.members) == dict.fromkeys(range(1_000), 3)
    chances = Chances(circles, "seed")
    sizes = Counter(len(circles[chances.next()[0]].members) for _ in range(2_000))
    assert sizes == {2: 1_400, 20: 500, 500: 100}
    assert sum(size * count for size, count in sizes.items()) == 2_000 * PER_SEND


def test_neighbours_are_in_one_direct_conversation() -> None:
    tokens, circles, records = pairs(World(), 6)
    assert len(set(tokens)) == 6
    assert [circle.members for circle in circles] == [[0, 1], [2, 3], [4, 5]]
    assert [record.key for record in records] == [circle.conversation_id.encode() for circle in circles]


async def test_users_receive_every_message_of_a_talk() -> None:
    with bench(Settings(), pairs=1, seconds=1.0) as where:
        world = World()
        place = where.at("talk", world)
        seats, circles, records = gathering(world, 20, [0])
        await seed(place, records)
        async with system(where, place) as server:
            here = [Seat(server.port, seat.token) for seat in seats]
            talk = Talk(seats=here, circles=circles, run=run_name(), rate=100, seconds=1.0, pids=[server.pid])
            seen = await talked(place, talk)
    assert seen.faults == []
    assert seen.right
    assert (seen.connections, seen.sent, seen.acked) == (20, 100, 100)
    assert seen.delivered > 2 * seen.sent
    assert 0 < seen.ack_p50_ms <= seen.ack_p99_ms
    assert seen.cpu_ms[0] > 0


async def test_users_who_keep_sends_in_flight_receive_every_message() -> None:
    with bench(Settings(), pairs=1, seconds=1.0) as where:
        world = World()
        place = where.at("in-flight", world)
        tokens, circles, records = pairs(world, 4)
        await seed(place, records)
        async with system(where, place) as server:
            seats = [Seat(server.port, token) for token in tokens]
            seen = await talked(place, Talk(seats=seats, circles=circles, run=run_name(), seconds=1.0, in_flight=3))
    assert seen.right, seen.faults
    assert seen.sent > 4 * 3
    assert seen.delivered == 2 * seen.sent
    assert seen.acked_per_s > 0
    assert seen.delivered_per_s > 0
