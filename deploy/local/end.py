"""Everything that was started in a directory ends: asked first, then killed."""

from __future__ import annotations

import signal
import time

from deploy.local import process
from deploy.local.install import Tell
from deploy.local.server import Layout, StackError

_PATIENCE_AFTER_KILL = 10.0


def end_all(layout: Layout, patience: float, tell: Tell) -> tuple[str, ...]:
    """Ends what has a pid file, whatever the stack was made of; the names of those that ran. Raises StackError."""
    files = sorted(layout.pid("*").parent.glob("*.pid"))
    running = {file.stem: found for file in files if (found := process.find(file)) is not None}
    for found in running.values():
        process.end(found)
    deadline = time.monotonic() + patience
    for name, found in running.items():
        if not process.gone(found, deadline - time.monotonic()):
            tell(f"{name} did not end in time and is killed")
            process.send(found, signal.SIGKILL)
    for name, found in running.items():
        if not process.gone(found, _PATIENCE_AFTER_KILL):
            raise StackError(f"{name} (process {found.pid}) does not end, even killed")
    for file in files:
        file.unlink(missing_ok=True)
    return tuple(running)
