"""Ends every process that was started in a directory: by SIGTERM first, then by SIGKILL."""

from __future__ import annotations

import signal
import time

from deploy.local import process
from deploy.local.install import Report
from deploy.local.server import Layout, StackError

_KILL_TIMEOUT_S = 10.0


def end_all(layout: Layout, timeout_s: float, report: Report) -> tuple[str, ...]:
    """End every process with a pid file, of any stack; return the names of those that ran. Raises StackError."""
    files = sorted(layout.pid("*").parent.glob("*.pid"))
    running = {file.stem: found for file in files if (found := process.find(file)) is not None}
    for found in running.values():
        process.end(found)
    deadline = time.monotonic() + timeout_s
    for name, found in running.items():
        if not process.exited_within(found, deadline - time.monotonic()):
            report(f"{name} did not end in time and is killed")
            process.send(found, signal.SIGKILL)
    for name, found in running.items():
        if not process.exited_within(found, _KILL_TIMEOUT_S):
            raise StackError(f"{name} (process {found.pid}) does not end, even killed")
    for file in files:
        file.unlink(missing_ok=True)
    return tuple(running)
