"""Finds the status of a server: it is up when it answers, not when its process runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from deploy.local import process
from deploy.local.server import Layout, Server

LAST_BYTES: Final = 4_096
LAST_LINES: Final = 3
"""Size of the end of a log in which the reason is looked for."""
OUT_OF_MEMORY: Final = "it ran out of memory (MongoDB: `caas stack up --mongo h2` keeps documents in a file instead)"
State = Literal["up", "down", "frozen", "silent"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The status of a server; `silent`: it runs but does not answer, for `reason`; one that is down may have a `reason`
    in its log. `resident_mib` is its memory use.
    """

    name: str
    role: str
    state: State
    address: str
    pid: int | None
    resident_mib: int
    log: str
    reason: str | None


def status_of(server: Server, layout: Layout) -> ServerStatus:
    """Return a server's current status; it is probed unless it is frozen."""
    found, log = process.find(layout.pid(server.name)), str(layout.log(server.name))
    if found is None:
        reason = _ended_by(layout.log(server.name))
        return ServerStatus(server.name, server.role, "down", server.address, None, 0, log, reason)
    is_frozen = process.frozen(found)
    reason = None if is_frozen else server.probe()
    state: State = "frozen" if is_frozen else "up" if reason is None else "silent"
    memory = process.resident_mib(found)
    return ServerStatus(server.name, server.role, state, server.address, found.pid, memory, log, reason)


def _ended_by(log: Path) -> str | None:
    """Return why a server ended, if the last lines of its log say that it had no more memory."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
            last = file.read().splitlines()[-LAST_LINES:]
    except OSError:
        return None
    return OUT_OF_MEMORY if any(b"OutOfMemoryError" in line for line in last) else None
