"""Installs Redis from Debian's packages without the service that its server package would start."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.server import StackError

# Debian ships one binary under several names in redis-tools; the package redis-server only adds the link called
# redis-server and a system service on our port 6379. So we install the tools and create the link ourselves.
BINARY = Path("/usr/bin/redis-check-rdb")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "redis-tools")
HINT = "install redis-server 7 (Debian, Ubuntu: apt-get install redis-server)"


def fill(folder: Path) -> None:
    """Put `redis-server` into a folder. Raises StackError that names what to install."""
    if not BINARY.exists():
        _apt()
    if not BINARY.exists():
        raise StackError(f"redis-tools brought no {BINARY}: {HINT}")
    (folder / "redis-server").symlink_to(BINARY)


def _apt() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise StackError(f"redis-server is not installed and only root can install it here: {HINT}")
    if _run(INSTALL).returncode == 0:
        return
    # The package lists of a fresh image are empty or too old to find the file.
    _run(("apt-get", "update"))
    done = _run(INSTALL)
    if done.returncode != 0:
        raise StackError(f"apt-get could not install redis-tools: {done.stdout[-500:].strip()}\n{HINT}")


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(  # noqa: S603 - our own words, no shell
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
