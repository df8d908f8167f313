"""Runs the system as users start it: real `caas` processes, awaited by their readiness, and killed."""

import contextlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stack.servers import Servers

_SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_MINE = range(20_000 + _SHARE % 8, 27_000, 8)
PORTS = itertools.cycle(secrets.SystemRandom().sample(_MINE, len(_MINE)))
"""Below the ephemeral ports of the system (from 32,768 on Linux), and others in each process of the tests."""
CAAS = Path(sys.executable).parent / "caas"


def free_port() -> int:
    """Return a free port that is not ephemeral, and that was not given lately: while a process is not up yet, or is
    down, no other connection or server takes its port.
    """
    while True:
        port = next(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def within(seconds: float, what: str, check: Callable[[], Any], pause: float = 0.1) -> Any:
    """Return the first truthy result of `check`; fail after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := check():
            return answer
        time.sleep(pause)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@dataclass
class Process:
    """One `caas` process: its arguments, its log, the URL of its readiness."""

    name: str
    arguments: Sequence[str]
    log: Path
    ready_url: str | None
    environment: Mapping[str, str]
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [str(CAAS), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        return self

    def ready(self) -> bool:
        """Return whether it is ready; fail with its log if it has ended."""
        assert self.running is not None
        if self.running.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.running.returncode}:\n{self.tail()}")
        return self.ready_url is None or status_of(self.ready_url) == 200

    def wait_ready(self, seconds: float = 60) -> "Process":
        within(seconds, f"{self.name} ready ({self.waiting()}); see {self.log}", self.ready)
        return self

    def waiting(self) -> str:
        return "" if self.ready_url is None else body_of(self.ready_url)

    def kill(self) -> None:
        """kill -9."""
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def stop(self, seconds: float = 20) -> int:
        """Send SIGTERM, then kill -9 if it does not end; return the exit status."""
        if self.running is None:
            return 0
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.running.wait(seconds)
        if self.running.poll() is None:
            self.kill()
        return int(self.running.returncode)

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of its log, which are JSON, since its stderr is no terminal."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"time"')]

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def body_of(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)


@dataclass
class System:
    """CAAS on the stack: a gateway, socket nodes, workers, each in a separate process."""

    directory: Path
    environment: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)
    plays: int = 0

    def spawn(self, name: str, *arguments: str, port: int | None) -> Process:
        url = None if port is None else f"http://127.0.0.1:{port}/readyz"
        process = Process(name, arguments, self.directory / f"{name}.log", url, self.environment)
        self.processes[name] = process
        return process.start()

    def start(self, workers: Mapping[str, int], nodes: int = 2) -> "System":
        """Start everything at once and wait until all are ready; `workers` is the number of workers per processor."""
        sockets = [free_port() for _ in range(nodes)]
        self.environment["CAAS_SOCKET_URLS"] = ",".join(f"ws://127.0.0.1:{port}/socket" for port in sockets)
        for number, port in enumerate(sockets, 1):
            self.spawn(f"socket-{number}", "serve", "socket", "--port", str(port), port=port)
        for name, count in workers.items():
            for slot in range(1, count + 1):
                health = free_port()
                arguments = ("worker", name, "--slot", str(slot), "--health-port", str(health))
                self.spawn(f"{name}-{slot}", *arguments, port=health)
        for process in self.processes.values():
            process.wait_ready(90)
        return self

    def serve_tenant(self, tenant: str) -> None:
        """Start a gateway for this tenant in place of the last one; later commands use this tenant. Nodes and workers
        serve all tenants.
        """
        if (before := self.processes.pop("gateway", None)) is not None:
            before.stop()
        port = free_port()
        self.environment = {**self.environment, "CAAS_TENANT": tenant, "CAAS_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        self.spawn("gateway", "serve", "gateway", "--port", str(port), port=port).wait_ready(30)

    @property
    def play_log(self) -> Path:
        """The log of the newest play; each play has a separate log."""
        return self.directory / f"play-{self.plays}.log"

    @property
    def url(self) -> str:
        return self.environment["CAAS_PUBLIC_URL"]

    def run(self, *arguments: str, seconds: float = 600) -> str:
        """Run one `caas` verb to its end; return its output."""
        return run(*arguments, environment=self.environment, seconds=seconds)

    def play(self, recording: Path, *more: str) -> subprocess.Popen[str]:
        """Start `caas play` in the background."""
        arguments = [str(CAAS), "play", str(recording), "--url", self.url, "--json", *more]
        self.plays += 1
        with self.play_log.open("wb") as log:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.environment},
                text=True,
            )

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            if process.running is not None and process.running.poll() is None:
                process.running.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.stop()


def run(*arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 600) -> str:
    """Run one `caas` verb to its end; return its output."""
    done = subprocess.run(
        [str(CAAS), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    said = f"{done.stdout[-20_000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == 0, f"caas {' '.join(arguments)}: {done.returncode}\n{said}"
    return done.stdout


def summary_of(playing: subprocess.Popen[str], log: Path, seconds: float = 600) -> dict[str, Any]:
    """Wait for a `caas play` in the background; return its summary, or fail with its log."""
    out, _ = playing.communicate(timeout=seconds)
    said = f"{out[-2000:]}\n{log.read_text(errors='replace')[-4000:]}"
    assert playing.returncode == 0, f"caas play ended with {playing.returncode}: {said}"
    summary: dict[str, Any] = json.loads(out)
    return summary


@contextlib.contextmanager
def on_stack(stack: Servers, directory: Path, environment: Mapping[str, str]) -> Iterator[System]:
    """Start the stack for a system, with topics but without processes; stop both at the end."""
    system = System(directory, {"CAAS_DATA": str(directory / "data"), **environment})
    try:
        stack.up()
        system.environment |= stack.env()
        system.run("topics")
        yield system
    finally:
        system.stop()
        stack.clean()
