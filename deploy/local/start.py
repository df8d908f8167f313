"""Starts servers in parallel; each is up only once it has answered, and a failure has its reason and log tail."""

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
from deploy.local.install import Report
from deploy.local.process import Process
from deploy.local.server import HOST, Command, Layout, Server, StackError

TAIL_LINES = 15
_TAIL_BYTES = 16 << 10


def port_taken(port: int) -> bool:
    """Whether a program listens there (a connection in TIME_WAIT does not count)."""
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
    """Raise StackError that names every port that is not free, before anything is started."""
    taken = [(server.name, port) for server in servers for port in server.ports if port_taken(port)]
    if taken:
        lines = "\n".join(f"  port {port} for {name}" for name, port in taken)
        raise StackError(f"taken by another program (see `ss -ltnp`), nothing was started:\n{lines}")


def tail(log: Path, since: int = 0) -> str:
    """Return the last lines of a log, from a position on, each indented."""
    try:
        with log.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(since, size - _TAIL_BYTES))
            lines = handle.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "  | (no log)"
    return "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:]) or "  | (empty)"


def failure(server: Server, reason: str, log: Path, since: int = 0) -> str:
    """Return the message about a server that did not start: reason, path and tail of its log."""
    return f"{server.name} did not start: {reason}\n  log: {log}\n{tail(log, since)}"


@dataclass(frozen=True, slots=True)
class Launched:
    """A launched server that has not answered yet; `since` is the position in its log at that time, in bytes."""

    server: Server
    process: Process
    log: Path
    since: int
    launched: float


def launch_all(servers: tuple[Server, ...], layout: Layout, report: Report) -> list[Launched]:
    """Install, prepare and launch; servers without a preparation do not wait for others'. Raises StackError."""
    commands = {server.name: install.argv(server.command, layout.log(server.name), report) for server in servers}
    for server in servers:
        _write_files(server, layout)
    unprepared = {
        s.name: _prepare(s.prepare, layout.log(s.name), report)
        for s in servers
        if s.prepare is not None and s.prepared is not None and not s.prepared.exists()
    }
    ready = [s for s in servers if s.name not in unprepared]
    launched = [_launch(s, commands[s.name], layout) for s in ready]
    for server in servers:
        if server.name in unprepared:
            _prepared(server, unprepared[server.name], layout)
            launched.append(_launch(server, commands[server.name], layout))
    return launched


def already_running(server: Server, running: Process, layout: Layout) -> Launched:
    """Return a server that was launched before, perhaps only a moment ago."""
    return Launched(server, running, layout.log(server.name), 0, time.monotonic())


def _write_files(server: Server, layout: Layout) -> None:
    for folder in (layout.data(server.name), layout.log(server.name).parent):
        folder.mkdir(parents=True, exist_ok=True)
    for file, text in server.files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _prepare(preparation: Command, log: Path, report: Report) -> subprocess.Popen[bytes]:
    command = install.argv(preparation, log, report)
    with log.open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603 - our own words


def _prepared(server: Server, running: subprocess.Popen[bytes], layout: Layout) -> None:
    status = running.wait()
    if status != 0:
        reason = f"its preparation ended with exit status {status}"
        raise StackError(failure(server, reason, layout.log(server.name)))


def _launch(server: Server, command: tuple[str, ...], layout: Layout) -> Launched:
    log = layout.log(server.name)
    since = log.stat().st_size if log.exists() else 0
    launched = time.monotonic()
    return Launched(server, process.launch(command, log, layout.pid(server.name)), log, since, launched)


def await_all(launched: list[Launched], report: Report, together: bool) -> None:
    """Probe all in turn until each has answered, has ended, or has timed out.

    `together`: each must see its peers too. Raises StackError with all failures.
    """
    failures: list[str] = []
    while launched:
        pending: list[Launched] = []
        for one in launched:
            reason = one.server.probe() or (one.server.peer_probe() if together else None)
            took = time.monotonic() - one.launched
            if reason is None:
                report(f"{one.server.name} is up on {one.server.address} ({took:.1f} s)")
            elif not process.alive(one.process):
                failures.append(failure(one.server, f"it ended after {took:.1f} s", one.log, one.since))
            elif took > one.server.start_timeout_s:
                why = f"no answer within {one.server.start_timeout_s:.0f} s ({reason})"
                failures.append(failure(one.server, why, one.log, one.since))
            else:
                pending.append(one)
        launched = pending
        time.sleep(0.1 if launched else 0.0)
    if failures:
        raise StackError("\n".join(failures))
