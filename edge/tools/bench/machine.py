"""Pins processes to cores, and reads their memory and processor time."""

import os
from pathlib import Path
from typing import Final

SERVER: Final = 0
LOAD: Final = 1


def pin(role: int) -> None:
    """Pin this process to the core of its role, if the machine has several and supports it."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[role % len(cores)]})


def resident_kib(pid: int) -> float:
    """Return the resident memory of a process in KiB."""
    pages = int((Path("/proc") / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time in seconds that all threads of a process have used."""
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kind() -> str:
    """Return a description such as `2 cores`."""
    return f"{os.cpu_count()} cores"
