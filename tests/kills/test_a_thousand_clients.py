"""A thousand clients chat on two nodes: every delivery comes once and in order; memory and times are printed."""

import asyncio
import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.local.stack import Stack
from edge.tools.bench.children import Place
from edge.tools.bench.gathering import PER_SEND, gathering
from edge.tools.bench.servers import run_name, seed
from edge.tools.bench.spec import Talk
from edge.tools.bench.thousand import BASE_PER_S, PEOPLE, talked
from edge.tools.bench.world import World
from tests.e2e.processes import System
from tests.eventually import eventually
from tests.kills.storm import Crowd, crowd

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.soak, pytest.mark.timeout(240)]

SECONDS = 60.0
STORM_S = 60.0
"""Maximum duration of a storm in seconds, on any machine."""
GOALS_MS = {"ack_p99_ms": 50, "delivered_p99_ms": 250}


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> Iterator[None]:
    """Allow a thousand sockets here, and as many at a node."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= 4 * PEOPLE, f"{hard} open files are too few: ulimit -n"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * PEOPLE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_every_delivery_comes_once_and_in_order(one_broker: tuple[Stack, System], tmp_path: Path) -> None:
    system = one_broker[1]
    system.processes["search-1"].stop()
    world = World(token_secret=system.environment["CAAS_TOKEN_SECRET"])
    nodes = [urlsplit(url).port or 0 for url in system.environment["CAAS_SOCKET_URLS"].split(",")]
    seats, circles, records = gathering(world, PEOPLE, nodes)
    place = Place(tmp_path, system.environment)
    await seed(place, records)
    talk = Talk(seats=seats, circles=circles, run=run_name(), rate=BASE_PER_S, seconds=SECONDS, pids=pids(system))
    seen = await talked(place, talk)
    print({name: getattr(seen, name) for name in seen.__struct_fields__}, {"goals": GOALS_MS})
    assert seen.faults == []
    assert (seen.connections, seen.sent) == (PEOPLE, SECONDS * BASE_PER_S)
    assert (seen.acked, seen.delivered) == (seen.sent, seen.deliveries_expected)
    assert seen.deliveries_expected == seen.sent * PER_SEND
    await asyncio.to_thread(system.processes["search-1"].start().wait_ready, 60)


async def test_all_clients_are_in_sync_after_a_reconnect_storm(
    one_broker: tuple[Stack, System],
) -> None:
    """Both nodes are killed, so that all clients reconnect at once; meanwhile one is killed again."""
    system = one_broker[1]
    ended = {process.log: process.log.stat().st_size for process in system.processes.values()}
    world = World(token_secret=system.environment["CAAS_TOKEN_SECRET"])
    urls = system.environment["CAAS_SOCKET_URLS"].split(",")
    seats, circles, records = gathering(world, PEOPLE, [0])
    await seed(Place(system.directory, system.environment), records)
    async with crowd(urls, seats, circles) as people:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(people.talk(), name="talks")
            await eventually(lambda: people.said.total() > 50, within=20)
            storm = await stormed(system, people)
        await eventually(lambda: people.missing() == 0, within=STORM_S)
        storm["in_sync_s"] = round(time.monotonic() - storm.pop("killed"), 1)
        await people.synced()
        healed = sum(member.healed for member in people.members)
        print(storm, {"said": people.said.total(), "healed": healed, "bound_s": STORM_S})
        assert [fault for member in people.members for fault in member.faults] == []
        assert healed > 0
    assert errors_since(ended) == []


async def stormed(system: System, people: Crowd) -> dict[str, float]:
    """Disconnect all clients and let them reconnect, a quarter of them to a node that is killed meanwhile."""
    nodes = system.processes["socket-1"], system.processes["socket-2"]
    for node in nodes:
        node.kill()
    await eventually(lambda: people.connected() == 0, within=20)
    for node in nodes:
        node.start()
    await eventually(lambda: people.connected() > PEOPLE / 4, within=STORM_S)
    caught = people.connected()
    nodes[0].kill()
    killed = time.monotonic()
    nodes[0].start()
    await eventually(lambda: people.connected() == PEOPLE, within=STORM_S)
    people.quiet = True
    return {"back_when_killed": caught, "back_s": round(time.monotonic() - killed, 1), "killed": killed}


def errors_since(ended: Mapping[Path, int]) -> list[str]:
    """Return the errors in the logs after these offsets."""
    said = [line for log, end in ended.items() for line in log.read_bytes()[end:].decode().splitlines()]
    bad = ('"level": "error"', '"level": "critical"', "Traceback")
    return [line for line in said if any(word in line for word in bad)]


def pids(system: System) -> list[int]:
    """Return the nodes' process ids."""
    running = [process.running for name, process in system.processes.items() if name.startswith("socket-")]
    return [process.pid for process in running if process is not None]
