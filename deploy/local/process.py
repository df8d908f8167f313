"""A process is its pid and the moment it began (Linux): a pid alone may belong to a stranger by tomorrow."""

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
    """What the kernel says about a pid; `state` is one letter."""

    began: int
    state: str
    threads: int


@dataclass(frozen=True, slots=True)
class Process:
    """`began` is in the kernel's clock ticks since boot."""

    pid: int
    began: int


def launch(command: tuple[str, ...], log: Path, pid_file: Path) -> Process:
    """Starts a command in a session of its own, so that Ctrl-C in a terminal does not reach it."""
    for parent in (log.parent, pid_file.parent):
        parent.mkdir(parents=True, exist_ok=True)
    # posix_spawn and not Popen: nobody here waits for the child, it outlives us.
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
    """The process that was launched with this file, if it is still running."""
    try:
        process = Process(**json.loads(pid_file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StackError(f"{pid_file} is damaged ({error}): end that server by hand and remove the file") from error
    return process if alive(process) else None


def alive(process: Process) -> bool:
    """Whether this very process runs (a frozen one does, one that has ended and was not collected does not)."""
    _collect(process.pid)
    found = _stat(process.pid)
    if found is None or found.began != process.began:
        return False
    # A killed server of many threads is called a zombie while the last of them still hold its ports.
    return found.state not in "ZX" or found.threads > 1


def frozen(process: Process) -> bool:
    """Whether it is held by SIGSTOP."""
    found = _stat(process.pid)
    return found is not None and found.began == process.began and found.state == "T"


def resident_mib(process: Process) -> int:
    """Its resident memory; 0 when it is gone."""
    try:
        pages = int((_PROC / str(process.pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def send(process: Process, number: signal.Signals) -> None:
    """Signals this process and never a stranger: the descriptor is taken before its start time is compared."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process):
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return  # It ended by itself between the two lines: what every signal but STOP and CONT asks for.
    finally:
        os.close(descriptor)


def end(process: Process) -> None:
    """Asks it to end, even when it is frozen (a frozen process takes no SIGTERM until it goes on)."""
    send(process, signal.SIGTERM)
    send(process, signal.SIGCONT)


def gone(process: Process, within: float) -> bool:
    """Waits until it is gone; False when it is not."""
    deadline = time.monotonic() + within
    while alive(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _collect(pid: int) -> None:
    """Our own children stay as zombies until somebody asks for their status."""
    # It need not be our child: another command of this launcher may have started it.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _stat(pid: int) -> _Stat | None:
    """The kernel's line about a pid. The program's name before the fields may hold spaces and brackets."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(began=int(fields[19]), state=fields[0], threads=int(fields[17]))
