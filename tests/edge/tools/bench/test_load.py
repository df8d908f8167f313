from pathlib import Path

import pytest

from core.settings import Settings
from edge.tools.bench import sockets
from edge.tools.bench.children import BenchFailed, Place, running
from edge.tools.bench.run import bench
from edge.tools.bench.servers import Bench, bare, load
from edge.tools.bench.spec import Bare, Load, Room
from edge.tools.bench.world import World
from tests.eventually import eventually


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, {"CAAS_ADAPTERS": "embedded", "CAAS_DATA": str(tmp_path / "data")})


def a_load(port: int, room: Room, **more: object) -> Load:
    values: dict[str, object] = {"port": port, "rooms": [room], "run": "run", "seconds": 0.2, "warm_s": 0.1, **more}
    return Load(**values)  # type: ignore[arg-type]


async def test_load_counts_and_times_acknowledgments(place: Place) -> None:
    room, _ = World().room("room", 1)
    async with bare(place, Bare("append", value_bytes=400)) as server:
        fast = await load(place, a_load(server.port, room))
        rest = await load(place, a_load(server.port, room, in_flight=1))
        even = await load(place, a_load(server.port, room, pace=200.0))
    assert fast.sent > 0
    assert fast.acks_per_s > 0
    assert 0 < rest.ack_p50_ms <= rest.ack_p99_ms
    assert even.sent <= 200


async def test_load_with_a_window_counts_deliveries_on_every_socket(place: Place) -> None:
    room, _ = World().room("room", 5, senders=2)
    async with bare(place, Bare("broadcast", push_bytes=500)) as server:
        seen = await load(place, a_load(server.port, room, window=8))
    assert seen.pushes_per_s > seen.acks_per_s


async def test_error_of_a_dead_process_has_its_output(place: Place) -> None:
    async with running(place, "wrong", place.python("edge.tools.bench.load", "/nowhere/spec.json"), 0) as child:
        with pytest.raises(BenchFailed, match="nowhere"):
            await child.said()


async def test_process_stops_at_the_end_of_its_block(place: Place) -> None:
    async with bare(place, Bare("broadcast", push_bytes=100)) as server:
        proc = Path("/proc") / str(server.pid)
        assert proc.exists()
    await eventually(lambda: not proc.exists())


@pytest.mark.slow
async def test_edge_is_measured_against_the_bare_server() -> None:
    with bench(Settings(), pairs=1, seconds=1.0) as where:
        figure = await sockets.edge_sends(where)
    assert len(figure.ours) == len(figure.bare) == 1
    assert figure.ours[0] > 0
    assert figure.more["ours_rest_p50_ms"] > 0


async def test_bench_removes_its_directory() -> None:
    with bench(Settings(), pairs=1, seconds=0.1) as where:
        directory = where.place.directory
        assert isinstance(where, Bench)
        assert directory.exists()
    assert not directory.exists()
