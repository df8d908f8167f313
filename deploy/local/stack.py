"""Stack controls the real servers of one directory: starts them together, stops each one, and removes all files."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from deploy.local import credentials, kafka, mongo, process, record, redis, search, start
from deploy.local.end import end_all
from deploy.local.install import Report, locked
from deploy.local.process import Process
from deploy.local.server import ROLES, Layout, Server, StackError
from deploy.local.settings import settings
from deploy.local.status import ServerStatus, status_of

_LOCK = "stack.lock"
_STOP_TIMEOUT_S = 30.0
# The last of three brokers find no majority for a clean shutdown and would wait for minutes.
_STOP_ALL_TIMEOUT_S = 12.0


def no_report(_line: str) -> None:
    """Discard a progress line."""


@dataclass(frozen=True)
class Stack:
    """The real servers of a directory. All methods block; failures raise StackError with a readable message.

    `only` names the roles to start (all by default). `shift` moves every port, for a second stack on one machine.
    `mongo_backend="h2"` keeps MongoDB's documents over a restart; "memory" is faster and loses them.
    """

    directory: Path
    brokers: int = 1
    only: frozenset[str] | None = None
    _: KW_ONLY
    mongo_backend: mongo.Backend = "memory"
    shift: int = 0
    report: Report = no_report

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", self.directory.expanduser().absolute())
        unknown = self.roles() - set(ROLES)
        if unknown:
            raise StackError(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
        if self.brokers not in (1, 3):
            raise StackError(f"a stack has 1 or 3 brokers, not {self.brokers}")

    def up(self) -> None:
        """Start what is not running yet and wait until each server answers. Idempotent."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.directory / _LOCK):
            wanted = self._record(record.cluster_id())
            found = record.reconcile(self.directory, wanted)
            servers = self._servers(found.cluster)
            running = {s.name: p for s in servers if (p := self._process(s.name)) is not None}
            absent = tuple(server for server in servers if server.name not in running)
            _refuse_frozen(running)
            start.refuse_taken_ports(absent)
            record.write(self.directory, found)
            self.directory.chmod(0o700)
            launched = [start.already_running(s, running[s.name], self._layout) for s in servers if s.name in running]
            launched += start.launch_all(absent, self._layout, self.report)
            start.await_all(launched, self.report, together=True)

    def down(self) -> tuple[str, ...]:
        """Stop every server that was started in this directory, frozen ones too; return their names."""
        if record.read(self.directory) is None:
            return ()
        with locked(self.directory / _LOCK):
            return end_all(self._layout, _STOP_ALL_TIMEOUT_S, self.report)

    def clean(self) -> tuple[str, ...]:
        """Stop them all and remove their data, logs, settings and secrets; return the names of those stopped."""
        if record.read(self.directory) is None:
            credentials.delete(self.directory)
            return ()
        with locked(self.directory / _LOCK):
            ended = end_all(self._layout, 0.0, no_report)
            for name in record.OWNED:
                if (self.directory / name).exists():
                    shutil.rmtree(self.directory / name)
            credentials.delete(self.directory)
            (self.directory / record.FILE).unlink(missing_ok=True)
            (self.directory / _LOCK).unlink()
        if not any(self.directory.iterdir()):
            self.directory.rmdir()
        return ended

    def status(self) -> tuple[ServerStatus, ...]:
        """Probe each server and return its current status."""
        return tuple(status_of(server, self._layout) for server in self._servers(""))

    def env(self) -> dict[str, str]:
        """Return the settings that point CAAS at this stack, and its secrets, created at the first call."""
        return {**settings(self.brokers, self.shift), **credentials.load_or_create(self.directory)}

    def names(self) -> tuple[str, ...]:
        """Return the names that the methods below accept."""
        return tuple(server.name for server in self._servers(""))

    def kill(self, name: str) -> None:
        """Send SIGKILL: the server cannot clean up. Return when it has ended."""
        running = self._running(name)
        process.send(running, signal.SIGKILL)
        _require_exit(name, running)

    def stop(self, name: str) -> None:
        """Send SIGTERM and wait until it has ended."""
        running = self._running(name)
        process.end(running)
        _require_exit(name, running)

    def start(self, name: str) -> None:
        """Start one server again on its data and wait until it answers; a running one is left as it is."""
        found = record.read(self.directory)
        if found is None:
            raise StackError(f"{self.directory} holds no stack: call up() first")
        server = self._server(name, found.cluster)
        if self._process(name) is None:
            start.refuse_taken_ports((server,))
            start.await_all(start.launch_all((server,), self._layout, self.report), self.report, together=False)

    def freeze(self, name: str) -> None:
        """Send SIGSTOP: its connections stay open without an answer. Return when it is frozen."""
        running = self._running(name)
        process.send(running, signal.SIGSTOP)
        _wait_until(name, lambda: process.frozen(running), "did not freeze")

    def thaw(self, name: str) -> None:
        """Send SIGCONT: it continues as if nothing had happened."""
        running = self._running(name)
        process.send(running, signal.SIGCONT)
        _wait_until(name, lambda: not process.frozen(running), "did not continue")

    @property
    def _layout(self) -> Layout:
        return Layout(self.directory)

    def roles(self) -> frozenset[str]:
        """Return the roles of this stack."""
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


def _require_exit(name: str, running: Process) -> None:
    if not process.exited_within(running, _STOP_TIMEOUT_S):
        raise StackError(f"{name} (process {running.pid}) did not end within {_STOP_TIMEOUT_S:.0f} s")


def _refuse_frozen(running: Mapping[str, Process]) -> None:
    frozen = [name for name, found in running.items() if process.frozen(found)]
    if frozen:
        raise StackError(f"{', '.join(frozen)} cannot answer: frozen; thaw it, or run `stack down` first")


def _wait_until(name: str, condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"{name} {complaint} within 5 s")
        time.sleep(0.01)
