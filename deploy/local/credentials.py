"""Creates the secrets that the processes on a stack share, once, and keeps them in the stack's directory."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from deploy.local.server import StackError

FILE = "secrets.json"


def load_or_create(directory: Path) -> dict[str, str]:
    """Return environment variables by name, the same for every caller in this directory, also for concurrent ones.

    Raises StackError if the file cannot be used or others may read it.
    """
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


def delete(directory: Path) -> None:
    """Delete the secrets; the next call of `load_or_create` creates others."""
    (directory / FILE).unlink(missing_ok=True)


def _write(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(_created(), indent=2) + "\n")
    with contextlib.suppress(FileExistsError):  # another process was first: its secrets are used
        file.hardlink_to(fresh)
    fresh.unlink()


def _created() -> dict[str, str]:
    return {
        "CAAS_APP_KEY": f"app_{secrets.token_hex(8)}",
        "CAAS_APP_SECRET": secrets.token_hex(32),
        "CAAS_TOKEN_SECRET": secrets.token_hex(32),
        "CAAS_AUDIT_SEED": secrets.token_hex(32),
    }
