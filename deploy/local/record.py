"""Stores the configuration of a stack in its directory, so that later commands use the same servers."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.local.mongo import Backend
from deploy.local.server import StackError

FILE = "stack.json"
OWNED = ("config", "data", "logs", "run")
"""The folders that belong to the stack, besides its record and its lock."""


@dataclass(frozen=True, slots=True)
class Record:
    """The configuration of a stack; `cluster` is Kafka's id: data of one cluster is never served under another id."""

    brokers: int
    roles: tuple[str, ...]
    mongo: Backend
    shift: int
    cluster: str


def cluster_id() -> str:
    """Return a new id in Kafka's form: 22 characters that do not begin with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def read(directory: Path) -> Record | None:
    """Return the record of a directory; None if no stack was started in it. Raises StackError."""
    file = directory / FILE
    try:
        found = json.loads(file.read_text())
        return Record(**{**found, "roles": tuple(found["roles"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(f"{file} is damaged ({error}): stop its servers and remove {directory}") from error


def reconcile(directory: Path, wanted: Record) -> Record:
    """Return the directory's new record. Raises StackError if it holds another stack or foreign files."""
    found = read(directory)
    if found is None:
        _refuse_foreign(directory)
        return wanted
    for name, meaning in (("brokers", "broker(s)"), ("mongo", "as MongoDB backend"), ("shift", "as port shift")):
        was, now = getattr(found, name), getattr(wanted, name)
        if was != now:
            raise StackError(
                f"{directory} holds a stack with {was} {meaning}, not {now}: "
                f"use `stack clean` on it first, or another directory"
            )
    return replace(found, roles=tuple(sorted({*found.roles, *wanted.roles})))


def _refuse_foreign(directory: Path) -> None:
    """Raise StackError if a folder that `clean` would remove exists before the stack does."""
    foreign = [name for name in OWNED if (directory / name).exists()]
    if foreign:
        raise StackError(f"{directory} has {', '.join(foreign)} that no stack made: choose an empty directory")


def write(directory: Path, record: Record) -> None:
    """Replace the record of a directory atomically."""
    fresh = directory / f"{FILE}.new"
    fresh.write_text(json.dumps(asdict(record), indent=2) + "\n")
    fresh.replace(directory / FILE)
