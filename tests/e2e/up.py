"""Runs an embedded system: a real `caas up` in a separate directory, on a free port."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import Process, free_port, within


@dataclass(frozen=True)
class Up:
    """A running system: its process, its directory and its ready line."""

    process: Process
    data: Path
    ready: dict[str, Any]

    @property
    def socket_url(self) -> str:
        url: str = self.ready["socket_urls"][0]
        return url

    @property
    def url(self) -> str:
        url: str = self.ready["url"]
        return url

    @property
    def app(self) -> tuple[str, str]:
        """Key and secret of its application."""
        return self.ready["app_key"], self.ready["app_secret"]

    @property
    def pid(self) -> int:
        assert self.process.running is not None
        return self.process.running.pid

    def token(self, user: str) -> str:
        """Return a token as an application's server gets it."""
        headers = {"X-App-Key": self.ready["app_key"], "X-App-Secret": self.ready["app_secret"]}
        request = urllib.request.Request(
            f"{self.url}/api/v1/auth/sdk/token", json.dumps({"user_id": user}).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            token: str = json.load(answer)["token"]
            return token

    def counted(self) -> dict[str, int]:
        """Return its counters; fail if it is not ready."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
            counted: dict[str, int] = json.load(answer)["counted"]
            return counted


class Restartable:
    """`caas up` in one directory and at one port, which can be restarted."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._arguments = ("up", "--data", str(self._data), "--port", str(free_port()), "--json", "--secrets")
        self._folder = folder
        self._starts = 0
        self.process: Process | None = None

    def start(self) -> Up:
        self._starts += 1
        log = self._folder / f"up-{self._starts}.log"
        self.process = Process("up", self._arguments, log, None, {}).start()
        return Up(self.process, self._data, ready_line(self.process))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()


@contextmanager
def running(
    directory: Path, environment: Mapping[str, str] | None = None, data: str = "data", name: str = "up"
) -> Iterator[Up]:
    """Run `caas up --data DIRECTORY/DATA`; yield after its ready line, and send SIGTERM at the end."""
    where = directory / data
    arguments = ("up", "--data", str(where), "--port", "0", "--json", "--secrets")
    process = Process(name, arguments, directory / f"{name}.log", None, environment or {}).start()
    try:
        yield Up(process, where, ready_line(process))
    finally:
        process.stop()


def ready_line(process: Process) -> dict[str, Any]:
    """Return the line that `caas up` prints when it is ready."""

    def line() -> dict[str, Any] | None:
        process.ready()
        lines = process.log.read_text(errors="replace").splitlines(keepends=True)
        whole = [line for line in lines if line.startswith('{"url"') and line.endswith("\n")]
        return json.loads(whole[0]) if whole else None

    found: dict[str, Any] = within(60, f"the ready line of caas up; see {process.log}", line)
    return found
