"""What a stack's directory was made for is written down in it, so that a later command means the same servers."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.local.mongo import Backend
from deploy.local.server import StackError

FILE = "stack.json"
OWN = ("config", "data", "logs", "run")
"""The folders that belong to the stack, beside its record and its lock."""


@dataclass(frozen=True, slots=True)
class Record:
    """`cluster` is Kafka's id: data of one cluster is never served under another's name."""

    brokers: int
    roles: tuple[str, ...]
    mongo: Backend
    shift: int
    cluster: str


def cluster_id() -> str:
    """A fresh id in Kafka's form: 22 characters that do not begin with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def read(directory: Path) -> Record | None:
    """The record of a directory; None when no stack was started in it."""
    file = directory / FILE
    try:
        found = json.loads(file.read_text())
        return Record(**{**found, "roles": tuple(found["roles"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(f"{file} is damaged ({error}): stop its servers and remove {directory}") from error


def settle(directory: Path, wanted: Record) -> Record:
    """What the directory's record shall be; refuses one that holds another stack or somebody else's files."""
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
    """`clean` will remove these folders, so they must not be there before us."""
    foreign = [name for name in OWN if (directory / name).exists()]
    if foreign:
        raise StackError(f"{directory} has {', '.join(foreign)} that no stack made: choose an empty directory")


def write(directory: Path, record: Record) -> None:
    """Replaces the record of a directory in one step."""
    fresh = directory / f"{FILE}.new"
    fresh.write_text(json.dumps(asdict(record), indent=2) + "\n")
    fresh.replace(directory / FILE)
