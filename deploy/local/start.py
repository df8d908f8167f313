"""Servers start side by side; each is up only when it has answered, and one that fails says why and shows its log."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.local import install, process
from deploy.local.install import Tell
from deploy.local.process import Process
from deploy.local.server import HOST, Command, Layout, Server, StackError

TAIL_LINES = 15
_TAIL_BYTES = 16 << 10


def port_taken(port: int) -> bool:
    """Whether somebody listens there (a connection that is only fading away does not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def refuse_taken_ports(servers: Iterable[Server]) -> None:
    """Names every port that is not free before anything is started."""
    taken = [(server.name, port) for server in servers for port in server.ports if port_taken(port)]
    if taken:
        lines = "\n".join(f"  port {port} for {name}" for name, port in taken)
        raise StackError(f"taken by another program (see `ss -ltnp`), nothing was started:\n{lines}")


def tail(log: Path, since: int = 0) -> str:
    """The last lines of a log, not older than a position, each moved to the right."""
    try:
        with log.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(since, size - _TAIL_BYTES))
            lines = handle.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "  | (no log)"
    return "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:]) or "  | (empty)"


def failure(server: Server, reason: str, log: Path, since: int = 0) -> str:
    """What a person needs to know about a server that did not come up."""
    return f"{server.name} did not start: {reason}\n  log: {log}\n{tail(log, since)}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A launched server that has not answered yet, and where its log began."""

    server: Server
    process: Process
    log: Path
    since: int
    launched: float


def launch_all(servers: tuple[Server, ...], layout: Layout, tell: Tell) -> list[Waiting]:
    """Installs, prepares and launches; what needs no preparation does not wait for the others'. Raises StackError."""
    commands = {server.name: install.argv(server.command, layout.log(server.name), tell) for server in servers}
    for server in servers:
        _write_files(server, layout)
    unprepared = {
        s.name: _prepare(s.prepare, layout.log(s.name), tell)
        for s in servers
        if s.prepare is not None and s.prepared is not None and not s.prepared.exists()
    }
    ready = [s for s in servers if s.name not in unprepared]
    waiting = [_launch(s, commands[s.name], layout) for s in ready]
    for server in servers:
        if server.name in unprepared:
            _prepared(server, unprepared[server.name], layout)
            waiting.append(_launch(server, commands[server.name], layout))
    return waiting


def waiting_for(server: Server, running: Process, layout: Layout) -> Waiting:
    """A server that somebody launched before, perhaps only a moment ago."""
    return Waiting(server, running, layout.log(server.name), 0, time.monotonic())


def _write_files(server: Server, layout: Layout) -> None:
    for folder in (layout.data(server.name), layout.log(server.name).parent):
        folder.mkdir(parents=True, exist_ok=True)
    for file, text in server.files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _prepare(preparation: Command, log: Path, tell: Tell) -> subprocess.Popen[bytes]:
    command = install.argv(preparation, log, tell)
    with log.open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603 - our own words


def _prepared(server: Server, running: subprocess.Popen[bytes], layout: Layout) -> None:
    status = running.wait()
    if status != 0:
        reason = f"its preparation ended with exit status {status}"
        raise StackError(failure(server, reason, layout.log(server.name)))


def _launch(server: Server, command: tuple[str, ...], layout: Layout) -> Waiting:
    log = layout.log(server.name)
    since = log.stat().st_size if log.exists() else 0
    launched = time.monotonic()
    return Waiting(server, process.launch(command, log, layout.pid(server.name)), log, since, launched)


def await_all(waiting: list[Waiting], tell: Tell, together: bool) -> None:
    """Asks all in turn until each has answered, has ended, or has used up its patience.

    `together`: each must see its peers too. Raises StackError that tells of all that failed.
    """
    failures: list[str] = []
    while waiting:
        still: list[Waiting] = []
        for one in waiting:
            reason = one.server.probe() or (one.server.joined() if together else None)
            took = time.monotonic() - one.launched
            if reason is None:
                tell(f"{one.server.name} is up on {one.server.address} ({took:.1f} s)")
            elif not process.alive(one.process):
                failures.append(failure(one.server, f"it ended after {took:.1f} s", one.log, one.since))
            elif took > one.server.patience:
                why = f"no answer within {one.server.patience:.0f} s ({reason})"
                failures.append(failure(one.server, why, one.log, one.since))
            else:
                still.append(one)
        waiting = still
        time.sleep(0.1 if waiting else 0.0)
    if failures:
        raise StackError("\n".join(failures))
