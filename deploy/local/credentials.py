"""What the processes on a stack must agree on, and nobody else may know: made once, kept in the stack's directory."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from deploy.local.server import StackError

FILE = "secrets.json"


def kept(directory: Path) -> dict[str, str]:
    """Environment variables by name; the same for whoever asks in this directory, however many at once."""
    file = directory / FILE
    try:
        if not file.exists():
            _write(file)
        if file.stat().st_mode & 0o077:
            raise StackError(
                f"{file} is open to others: `chmod 600 {file}` where nobody else can have read it, else remove it"
            )
        found: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be used: {error}") from error
    return found


def forget(directory: Path) -> None:
    """The next who asks gets others."""
    (directory / FILE).unlink(missing_ok=True)


def _write(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(_made(), indent=2) + "\n")
    with contextlib.suppress(FileExistsError):  # another process was first: its secrets stand
        file.hardlink_to(fresh)
    fresh.unlink()


def _made() -> dict[str, str]:
    return {
        "CAAS_APP_KEY": f"app_{secrets.token_hex(8)}",
        "CAAS_APP_SECRET": secrets.token_hex(32),
        "CAAS_TOKEN_SECRET": secrets.token_hex(32),
    }
