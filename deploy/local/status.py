"""Finds the status of a server: it is up when it answers, not when its process runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.local import process
from deploy.local.server import Layout, Server

State = Literal["up", "down", "frozen", "silent"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The status of a server; `silent`: it runs but does not answer, for `reason`. `resident_mib` is its memory use."""

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
        return ServerStatus(server.name, server.role, "down", server.address, None, 0, log, None)
    is_frozen = process.frozen(found)
    reason = None if is_frozen else server.probe()
    state: State = "frozen" if is_frozen else "up" if reason is None else "silent"
    memory = process.resident_mib(found)
    return ServerStatus(server.name, server.role, state, server.address, found.pid, memory, log, reason)
