"""Installs servers into the cache: a folder is filled under another name and renamed, by one installer at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from deploy.local import maven, redis_install
from deploy.local.java import java_home
from deploy.local.server import Command, JavaCommand, Package, RedisCommand

Report = Callable[[str], None]


def cache() -> Path:
    """Return the folder where servers are installed: $CAAS_CACHE, or ~/.cache/caas."""
    named = os.environ.get("CAAS_CACHE")
    return Path(named).expanduser().absolute() if named else Path.home() / ".cache" / "caas"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock file; other callers wait. The kernel releases it when the holder dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def installed(target: Path, fill: Callable[[Path], None]) -> Path:
    """Create a folder once: `fill` gets an empty one, which becomes the target only when it is done."""
    if target.is_dir():
        return target
    with locked(target.parent / ".lock"):
        if target.is_dir():
            return target
        # Only a dead installer can have left these: a running one holds the lock.
        for leftover in target.parent.glob(".new-*"):
            shutil.rmtree(leftover)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        fill(fresh)
        fresh.rename(target)
    return target


def argv(command: Command, log: Path, report: Report) -> tuple[str, ...]:
    """Install what the command needs, and return its arguments. Raises StackError."""
    match command:
        case JavaCommand():
            return _java(command, log, report)
        case RedisCommand():
            return (str(_redis(report)), *command.arguments)
        case _:
            assert_never(command)


def _java(command: JavaCommand, log: Path, report: Report) -> tuple[str, ...]:
    home = java_home(command.package.java)
    folder = _package(command.package, home, report)
    return (
        str(home / "bin" / "java"),
        *command.options,
        # A server out of memory exits and logs it; one that half works would look like a bug of ours.
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={log.with_suffix('.crash.log')}",
        "-cp",
        f"{folder}/classes:{folder}/libs/*",
        command.main,
        *command.arguments,
    )


def _package(package: Package, home: Path, report: Report) -> Path:
    def fill(folder: Path) -> None:
        report(f"installing {package.name} into {cache()} (once)")
        maven.fill(package, home, folder)

    return installed(cache() / "servers" / f"{package.name}-{maven.fingerprint(package)}", fill)


def _redis(report: Report) -> Path:
    found = shutil.which("redis-server")
    if found:
        return Path(found)

    def fill(folder: Path) -> None:
        report("installing redis with apt-get (once)")
        redis_install.fill(folder)

    return installed(cache() / "servers" / "redis", fill) / "redis-server"
