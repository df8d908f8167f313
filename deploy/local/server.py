"""A server is a description: what to run, where it keeps its things, and the question that shows it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Role = Literal["kafka", "redis", "mongo", "search"]
ROLES: tuple[Role, ...] = ("kafka", "redis", "mongo", "search")
HOST = "127.0.0.1"

Probe = Callable[[], str | None]
"""Asks a server one question; None when it works, else the reason why it does not yet. Answers within about 2 s."""


class StackError(Exception):
    """What went wrong with a server, in words for the person who started it."""


@dataclass(frozen=True, slots=True)
class Package:
    """Java libraries pinned to exact versions, and at most one class of our own that is compiled against them."""

    name: str
    artifacts: tuple[str, ...]
    java: int
    source: str | None = None


@dataclass(frozen=True, slots=True)
class JavaCommand:
    """A main class of a package, with the options of its virtual machine."""

    package: Package
    main: str
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RedisCommand:
    """The one server that comes from the operating system's packages."""

    arguments: tuple[str, ...]


Command = JavaCommand | RedisCommand


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a stack keeps what belongs to the server of a name."""

    directory: Path

    def data(self, name: str) -> Path:
        """The folder of its data."""
        return self.directory / "data" / name

    def config(self, name: str) -> Path:
        """The folder of its settings."""
        return self.directory / "config" / name

    def log(self, name: str) -> Path:
        """The file that takes its output."""
        return self.directory / "logs" / f"{name}.log"

    def pid(self, name: str) -> Path:
        """The file that says which process it is."""
        return self.directory / "run" / f"{name}.pid"


def alone() -> str | None:
    """The answer of a server that has no peers to see."""
    return None


@dataclass(frozen=True, slots=True)
class Server:
    """One process. `prepare` runs once, before the first start, until `prepared` exists.

    `probe` asks the server about itself; `joined` asks whether it sees its peers, which only a start of all waits for.
    The first port is the one that clients use.
    """

    name: str
    role: Role
    ports: tuple[int, ...]
    command: Command
    probe: Probe
    joined: Probe = alone
    files: Mapping[Path, str] = field(default_factory=dict)
    prepare: Command | None = None
    prepared: Path | None = None
    patience: float = 90.0

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.ports[0]}"
