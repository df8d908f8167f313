"""Starts the measured servers: ours as users start them, and the bare ones, each in a process on a separate core."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from core import settings
from core.settings import Settings
from edge.composition import compose
from edge.composition.serving import bound, port_of
from edge.tools.bench import machine, spec
from edge.tools.bench.children import READY_S, BenchFailed, Place, ready, running
from edge.tools.bench.spec import Bare, FaustRun, Hold, Load, Loaded
from edge.tools.bench.world import World, append_all
from schemas.envelope import Record

DATABASE = "caas_bench"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
UNLIMITED: Final[Mapping[str, str]] = MappingProxyType({"CAAS_UNPERSISTED": "0", "CAAS_CONVERSATION_UNPERSISTED": "0"})
"""Settings of a node that nothing follows: no read model saves what it accepts."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the processes of the processors beside it; embedded there are none."""

    port: int
    pid: int
    workers: tuple[int, ...] = ()


@dataclass(slots=True)
class Spent:
    """Processor time of a server and its units of work, which noisy neighbours hardly change."""

    seconds: float = 0.0
    units: int = 0

    @contextmanager
    def by(self, server: Server) -> Iterator[None]:
        """Add the processor time that the server uses during the block."""
        before = machine.cpu_s(server.pid)
        yield
        self.seconds += machine.cpu_s(server.pid) - before

    @property
    def us(self) -> float:
        """Microseconds per unit."""
        return self.seconds / self.units * 1e6 if self.units else 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """The parameters of every measurement: its place, the number of pairs and the seconds per measurement."""

    place: Place
    adapters: str
    pairs: int
    seconds: float

    @property
    def embedded(self) -> bool:
        """Whether the whole system runs in one process."""
        return self.adapters == "embedded"

    def at(self, name: str, world: World | None = None, more: Mapping[str, str] = NOTHING) -> Place:
        """Return a place with separate data; its processes accept this world's tokens and have `more` settings."""
        directory = self.place.directory / name
        directory.mkdir(exist_ok=True)
        environment = {**self.place.environment, "CAAS_DATA": str(directory / "data"), **more}
        if world is not None:
            environment |= {
                "CAAS_TOKEN_SECRET": world.token_secret,
                "CAAS_APP_KEY": "bench",
                "CAAS_APP_SECRET": world.token_secret,
            }
        return Place(directory, environment, self.place.profile)


UNPACED: Final = {
    "CAAS_COMMANDS_PER_S": "1000000",
    "CAAS_COMMANDS_BURST": "1000000",
    "CAAS_USER_COMMANDS_PER_S": "0",
    "CAAS_HANDSHAKES_PER_S": "0",
    "CAAS_USER_CONNECTIONS": "0",
    "CAAS_NODE_CONNECTIONS": "0",
}
"""Settings without rate limits: a few connections, from one address, must drive a node to its limit."""


def environment_of(found: Settings) -> dict[str, str]:
    """Return the settings of a bench's processes: on the stack, rows go to a separate database."""
    url = urlsplit(found.mongo_url)
    own = urlunsplit(url._replace(path=f"/{DATABASE}"))
    return {"CAAS_ADAPTERS": found.adapters, "CAAS_MONGO_URL": own, "CAAS_LOG_LEVEL": "warning", **UNPACED}


async def seed(place: Place, records: Iterable[Record]) -> None:
    """Append these to the log of a place before its servers start."""
    log = compose.adapters(settings_at(place), "caas-bench-seed").log
    await log.start()
    try:
        await append_all(log, records)
    finally:
        await log.stop()


def settings_at(place: Place) -> Settings:
    """Return the settings of the processes of a place."""
    return settings.load({**_outside(), **place.environment})


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(settings.PREFIX)}


@asynccontextmanager
async def bare(place: Place, kind: Bare) -> AsyncIterator[Server]:
    """Run a bare server."""
    path = spec.written(kind, place.directory / f"bare-{kind.kind}.json")
    command = place.python("edge.tools.bench.bare_socket", path)
    async with running(place, f"bare-{kind.kind}", command, machine.SERVER) as child:
        yield Server((await child.said())["port"], child.pid)


@asynccontextmanager
async def node(bench: Bench, place: Place) -> AsyncIterator[Server]:
    """Run our edge alone."""
    if bench.embedded:
        command = place.python("edge.tools.bench.alone", profiled=True)
        async with running(place, "node", command, machine.SERVER) as child:
            yield Server((await child.said())["port"], child.pid)
        return
    with bound("127.0.0.1", 0) as free:
        port = port_of(free)
    command = place.python("edge.tools.bench.caas", "serve", "socket", "--port", str(port), profiled=True)
    async with running(place, "node", command, machine.SERVER) as child:
        await ready(child, f"http://127.0.0.1:{port}/readyz")
        yield Server(port, child.pid)


@asynccontextmanager
async def system(bench: Bench, place: Place, within_s: float = READY_S) -> AsyncIterator[Server]:
    """Run our edge with delivery: `caas up`, or on the stack a node and the `messages` processor on Faust. Embedded it
    must be ready within this time.
    """
    if bench.embedded:
        data = place.environment["CAAS_DATA"]
        command = place.python("edge.tools.bench.caas", "up", "--json", "--data", data, "--port", "0", profiled=True)
        async with running(place, "up", command, machine.SERVER) as child:
            port = urlsplit((await child.said(within_s))["url"]).port
            yield Server(port or 0, child.pid)
        return
    path = spec.written(FaustRun(way="live"), place.directory / "live.json")
    command = place.python("edge.tools.bench.faust_runs", path)
    async with running(place, "worker", command, machine.LOAD) as worker:
        await worker.said(60)
        async with node(bench, place) as server:
            yield replace(server, workers=(worker.pid,))


async def load(place: Place, what: Load) -> Loaded:
    """Run a load in a separate process; return its result."""
    path = spec.written(what, place.directory / f"load-{what.run}.json")
    async with running(place, "load", place.python("edge.tools.bench.load", path), machine.LOAD, ends=True) as child:
        return msgspec.convert(await child.said(what.seconds + what.warm_s + 60), Loaded)


async def held(place: Place, server: Server, tokens: list[str]) -> float:
    """Return the KiB per connection that `server` uses for an idle connection of each token."""
    path = spec.written(Hold(server.port, tokens), place.directory / "hold.json")
    before = await settled_kib(server)
    async with running(
        place, "hold", place.python("edge.tools.bench.idle_connections", path), machine.LOAD, ends=True
    ) as child:
        said = await child.said(60)
        if said["connected"] != len(tokens):
            raise BenchFailed(f"{said} of {len(tokens)} connections")
        return (await settled_kib(server) - before) / len(tokens)


async def settled_kib(server: Server) -> float:
    """Return the server's memory in KiB after one second."""
    await asyncio.sleep(1.0)
    return machine.resident_kib(server.pid)


def run_name() -> str:
    """Return a new random name of a run."""
    return secrets.token_hex(4)
