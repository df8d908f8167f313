"""Finds a JDK of a minimum version: JAVA_HOME if it is new enough, else the newest that is installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from deploy.local.server import StackError

INSTALLED = Path("/usr/lib/jvm")


def version_of(home: Path) -> int:
    """Return the major version of a JDK's folder; 0 if it is not one (a runtime without a compiler is not)."""
    if not all(os.access(home / "bin" / program, os.X_OK) for program in ("java", "javac")):
        return 0
    try:
        text = (home / "release").read_text()
    except OSError:
        return 0
    found = re.search(r'^JAVA_VERSION="(\d+)', text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def _homes() -> Iterator[Path]:
    named = os.environ.get("JAVA_HOME")
    if named:
        yield Path(named)
    if INSTALLED.is_dir():
        yield from sorted((home for home in INSTALLED.iterdir()), key=version_of, reverse=True)


def java_home(minimum: int) -> Path:
    """Return the folder of a JDK of at least this version. Raises StackError that names what to install."""
    for home in _homes():
        if version_of(home) >= minimum:
            return home
    found = ", ".join(f"{home} ({version_of(home)})" for home in _homes() if version_of(home)) or "none"
    raise StackError(f"a JDK {minimum} or newer is needed (found: {found}); install one or set JAVA_HOME to it")
