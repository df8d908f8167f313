"""Identifies a process by its pid and its start time (Linux): a pid alone may be reused by another program."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.local.server import StackError

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Stat:
    """The kernel's data about a pid; `state` is one letter."""

    began: int
    state: str
    threads: int


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours; `began` is its start time in the kernel's clock ticks since boot."""

    pid: int
    began: int


def launch(command: tuple[str, ...], log: Path, pid_file: Path) -> Process:
    """Start a command in its own session, so that Ctrl-C in a terminal does not reach it."""
    for parent in (log.parent, pid_file.parent):
        parent.mkdir(parents=True, exist_ok=True)
    # posix_spawn, not Popen: nothing here waits for the child, which outlives us.
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGHUP],
    )
    found = _stat(pid)
    process = Process(pid, found.began if found else 0)
    fresh = pid_file.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": process.pid, "began": process.began}))
    fresh.replace(pid_file)
    return process


def find(pid_file: Path) -> Process | None:
    """Return the process that was launched with this file, if it is still running. Raises StackError."""
    try:
        process = Process(**json.loads(pid_file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StackError(f"{pid_file} is damaged ({error}): end that server by hand and remove the file") from error
    return process if alive(process) else None


def alive(process: Process) -> bool:
    """Whether this process runs (a frozen one does, a zombie does not)."""
    _reap(process.pid)
    found = _stat(process.pid)
    if found is None or found.began != process.began:
        return False
    # A killed server of many threads is reported as a zombie while its last threads still hold its ports.
    return found.state not in "ZX" or found.threads > 1


def frozen(process: Process) -> bool:
    """Whether it is stopped by SIGSTOP."""
    found = _stat(process.pid)
    return found is not None and found.began == process.began and found.state == "T"


def resident_mib(process: Process) -> int:
    """Return its resident memory in MiB; 0 if it has ended."""
    try:
        pages = int((_PROC / str(process.pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def send(process: Process, number: signal.Signals) -> None:
    """Signal this process and never another: the descriptor is opened before the start time is compared."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process):
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return  # It ended by itself between the two lines: the purpose of every signal but STOP and CONT.
    finally:
        os.close(descriptor)


def end(process: Process) -> None:
    """Ask it to end, also when frozen (a frozen process receives no SIGTERM until it continues)."""
    send(process, signal.SIGTERM)
    send(process, signal.SIGCONT)


def exited_within(process: Process, timeout_s: float) -> bool:
    """Wait until it has ended; return False if it has not in time."""
    deadline = time.monotonic() + timeout_s
    while alive(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _reap(pid: int) -> None:
    """Reap it: our own children stay zombies until their status is read."""
    # It may not be our child: another command of this launcher may have started it.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _stat(pid: int) -> _Stat | None:
    """Read the kernel's line about a pid. The program's name before the fields may contain spaces and brackets."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(began=int(fields[19]), state=fields[0], threads=int(fields[17]))
