"""The machine as a measurement sees it: who runs on which core, and how much memory a process has."""

import os
from pathlib import Path
from typing import Final

SERVER: Final = 0
LOAD: Final = 1


def pin(role: int) -> None:
    """Keep this process on a core of its own, where the machine has more than one and says which."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[role % len(cores)]})


def resident_kib(pid: int) -> float:
    """The resident memory of a process."""
    pages = int((Path("/proc") / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def cpu_s(pid: int) -> float:
    """The processor time that a process has used, all of its threads together."""
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kind() -> str:
    """Such as `2 cores`."""
    return f"{os.cpu_count()} cores"
