"""The stack is one directory: its servers start together, can be taken away one by one, and leave nothing behind."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from deploy.local import credentials, kafka, mongo, process, record, redis, search, start
from deploy.local.end import end_all
from deploy.local.install import Tell, locked
from deploy.local.process import Process
from deploy.local.server import ROLES, Layout, Server, StackError
from deploy.local.settings import settings
from deploy.local.status import ServerStatus, look

_LOCK = "stack.lock"
_PATIENCE_TO_END = 30.0
# The last brokers of three find no majority to say goodbye to and would wait for minutes.
_PATIENCE_TO_END_ALL = 12.0


def silently(_line: str) -> None:
    """For those who do not want to hear how it goes."""


@dataclass(frozen=True)
class Stack:
    """The real servers of a directory. All methods block; what goes wrong is a StackError in plain words.

    `only` names the roles to start (all by default). `shift` moves every port, for a second stack on one machine.
    `mongo_backend="h2"` keeps MongoDB's documents over a restart; "memory" is faster and forgets them.
    """

    directory: Path
    brokers: int = 1
    only: frozenset[str] | None = None
    _: KW_ONLY
    mongo_backend: mongo.Backend = "memory"
    shift: int = 0
    tell: Tell = silently

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", self.directory.expanduser().absolute())
        unknown = self.roles() - set(ROLES)
        if unknown:
            raise StackError(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
        if self.brokers not in (1, 3):
            raise StackError(f"a stack has 1 or 3 brokers, not {self.brokers}")

    def up(self) -> None:
        """Starts what is not running yet and waits until each server answers. Idempotent."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.directory / _LOCK):
            wanted = self._record(record.cluster_id())
            found = record.settle(self.directory, wanted)
            servers = self._servers(found.cluster)
            running = {s.name: p for s in servers if (p := self._process(s.name)) is not None}
            absent = tuple(server for server in servers if server.name not in running)
            _refuse_frozen(running)
            start.refuse_taken_ports(absent)
            record.write(self.directory, found)
            self.directory.chmod(0o700)
            waiting = [start.waiting_for(s, running[s.name], self._layout) for s in servers if s.name in running]
            start.await_all(waiting + start.launch_all(absent, self._layout, self.tell), self.tell, together=True)

    def down(self) -> tuple[str, ...]:
        """Stops every server that was started in this directory; their names. What is frozen is thawed to end."""
        if record.read(self.directory) is None:
            return ()
        with locked(self.directory / _LOCK):
            return end_all(self._layout, _PATIENCE_TO_END_ALL, self.tell)

    def clean(self) -> tuple[str, ...]:
        """Stops them all and removes their data, logs, settings and secrets. The names of those stopped."""
        if record.read(self.directory) is None:
            credentials.forget(self.directory)
            return ()
        with locked(self.directory / _LOCK):
            ended = end_all(self._layout, 0.0, silently)
            for name in record.OWN:
                if (self.directory / name).exists():
                    shutil.rmtree(self.directory / name)
            credentials.forget(self.directory)
            (self.directory / record.FILE).unlink(missing_ok=True)
            (self.directory / _LOCK).unlink()
        if not any(self.directory.iterdir()):
            self.directory.rmdir()
        return ended

    def status(self) -> tuple[ServerStatus, ...]:
        """How each server is right now; asks each of them."""
        return tuple(look(server, self._layout) for server in self._servers(""))

    def env(self) -> dict[str, str]:
        """The settings that point CAAS at this stack, and the secrets of its processes, made at the first call."""
        return {**settings(self.brokers, self.shift), **credentials.kept(self.directory)}

    def names(self) -> tuple[str, ...]:
        """The names that the methods below take."""
        return tuple(server.name for server in self._servers(""))

    def kill(self, name: str) -> None:
        """kill -9: the server gets no chance to tidy up."""
        running = self._running(name)
        process.send(running, signal.SIGKILL)
        _must_be_gone(name, running)

    def stop(self, name: str) -> None:
        """SIGTERM, and waits until it has ended."""
        running = self._running(name)
        process.end(running)
        _must_be_gone(name, running)

    def start(self, name: str) -> None:
        """Starts one server again on its data and waits until it answers; one that runs is left alone."""
        found = record.read(self.directory)
        if found is None:
            raise StackError(f"{self.directory} holds no stack: call up() first")
        server = self._server(name, found.cluster)
        if self._process(name) is None:
            start.refuse_taken_ports((server,))
            start.await_all(start.launch_all((server,), self._layout, self.tell), self.tell, together=False)

    def freeze(self, name: str) -> None:
        """SIGSTOP: its connections stay open and nobody answers. Returns when it stands still."""
        running = self._running(name)
        process.send(running, signal.SIGSTOP)
        _wait(name, lambda: process.frozen(running), "did not stand still")

    def thaw(self, name: str) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        running = self._running(name)
        process.send(running, signal.SIGCONT)
        _wait(name, lambda: not process.frozen(running), "did not go on")

    @property
    def _layout(self) -> Layout:
        return Layout(self.directory)

    def roles(self) -> frozenset[str]:
        """The roles of this stack."""
        return frozenset(ROLES) if self.only is None else self.only

    def _record(self, cluster: str) -> record.Record:
        return record.Record(self.brokers, tuple(sorted(self.roles())), self.mongo_backend, self.shift, cluster)

    def _servers(self, cluster: str) -> tuple[Server, ...]:
        everything = (
            *kafka.servers(self._layout, self.brokers, cluster, self.shift),
            *redis.servers(self._layout, self.shift),
            *mongo.servers(self._layout, self.mongo_backend, self.shift),
            *search.servers(self._layout, self.shift),
        )
        return tuple(server for server in everything if server.role in self.roles())

    def _server(self, name: str, cluster: str = "") -> Server:
        for server in self._servers(cluster):
            if server.name == name:
                return server
        raise StackError(f"no server is called {name}; there are {', '.join(self.names())}")

    def _process(self, name: str) -> Process | None:
        return process.find(self._layout.pid(name))

    def _running(self, name: str) -> Process:
        found = self._process(self._server(name).name)
        if found is None:
            raise StackError(f"{name} is not running")
        return found


def _must_be_gone(name: str, running: Process) -> None:
    if not process.gone(running, _PATIENCE_TO_END):
        raise StackError(f"{name} (process {running.pid}) did not end within {_PATIENCE_TO_END:.0f} s")


def _refuse_frozen(running: Mapping[str, Process]) -> None:
    held = [name for name, found in running.items() if process.frozen(found)]
    if held:
        raise StackError(f"{', '.join(held)} cannot answer: frozen; thaw it, or run `stack down` first")


def _wait(name: str, reached: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 5.0
    while not reached():
        if time.monotonic() > deadline:
            raise StackError(f"{name} {complaint} within 5 s")
        time.sleep(0.01)
