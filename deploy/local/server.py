"""Describes a server: its command, its files, and the probe that shows it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Role = Literal["kafka", "redis", "mongo", "search"]
ROLES: tuple[Role, ...] = ("kafka", "redis", "mongo", "search")
HOST = "127.0.0.1"

Probe = Callable[[], str | None]
"""Sends a server one request; returns None if it works, else the reason why not yet, within about 2 s."""


class StackError(Exception):
    """A failure of a server, with a message for the person who started it."""


@dataclass(frozen=True, slots=True)
class Package:
    """Java libraries pinned to exact versions, and at most one class of our own that is compiled against them."""

    name: str
    artifacts: tuple[str, ...]
    java: int
    source: str | None = None


@dataclass(frozen=True, slots=True)
class JavaCommand:
    """A main class of a package, with options of the virtual machine."""

    package: Package
    main: str
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RedisCommand:
    """Redis, the one server from the operating system's packages."""

    arguments: tuple[str, ...]


Command = JavaCommand | RedisCommand


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of a stack's files, by the server's name."""

    directory: Path

    def data(self, name: str) -> Path:
        """Return the folder of its data."""
        return self.directory / "data" / name

    def config(self, name: str) -> Path:
        """Return the folder of its settings."""
        return self.directory / "config" / name

    def log(self, name: str) -> Path:
        """Return the file of its output."""
        return self.directory / "logs" / f"{name}.log"

    def pid(self, name: str) -> Path:
        """Return the file that identifies its process."""
        return self.directory / "run" / f"{name}.pid"


def no_peers() -> str | None:
    """Return None: the peer probe of a server without peers."""
    return None


@dataclass(frozen=True, slots=True)
class Server:
    """One server process. `prepare` runs once, before the first start, until `prepared` exists.

    `probe` checks the server itself; `peer_probe` checks that it sees its peers, only when all are started. Clients use
    the first port. `start_timeout_s` is the maximum time until it answers, in seconds.
    """

    name: str
    role: Role
    ports: tuple[int, ...]
    command: Command
    probe: Probe
    peer_probe: Probe = no_peers
    files: Mapping[Path, str] = field(default_factory=dict)
    prepare: Command | None = None
    prepared: Path | None = None
    start_timeout_s: float = 90.0

    @property
    def address(self) -> str:
        """The address for clients."""
        return f"{HOST}:{self.ports[0]}"
