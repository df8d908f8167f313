"""The schemas as files for other languages, made from the structs: `python -m schemas.export` writes them beside this
module, `--check` says which of them are not as the code is, `--release` keeps the events as what later code must read.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas import commands, events
from schemas.events import upcast
from schemas.export import asyncapi_log, asyncapi_socket, compatibility, json_schema, openapi
from schemas.wire import answers, views
from schemas.wire.errors import Problem
from schemas.wire.frames import Hello

HERE: Final = Path(__file__).parents[1] / "generated"
RELEASED: Final = Path(__file__).parents[1] / "baseline" / "events-v1.json"
"""The schemas of all events as of the last release, by type."""
SHOWN: Final[tuple[type, ...]] = (
    views.MessageView,
    views.ParticipantView,
    views.ConversationView,
    views.ChangeView,
    views.ReceiptView,
    answers.MessageAccepted,
    answers.ConversationAccepted,
    answers.Conversations,
    answers.Found,
    answers.Synced,
    Hello,
    Problem,
)
"""What a client is shown, beside the frames around it."""


def documents() -> dict[str, dict[str, Any]]:
    """Every generated file: its path below `generated/`, and its content."""
    return {
        **{f"events/{name}.json": schema for name, schema in event_schemas().items()},
        **{
            f"commands/{name.replace(':', '.')}.json": json_schema.document(
                command, f"urn:caas:command:{name}", tagged=False
            )
            for name, command in commands.COMMANDS.items()
        },
        **{
            f"views/{view.__name__}.json": json_schema.document(view, f"urn:caas:view:{view.__name__}")
            for view in SHOWN
        },
        "asyncapi-socket.json": asyncapi_socket.document(),
        "asyncapi-log.json": asyncapi_log.document(),
        "openapi.json": openapi.document(),
    }


def texts() -> dict[str, str]:
    """The files as they are written: sorted and indented, so that a change of one field is a change of one line."""
    return {path: text_of(content) for path, content in documents().items()}


def text_of(content: Mapping[str, Any]) -> str:
    """A document as text."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def drift(root: Path = HERE) -> list[str]:
    """The files that are not as the code is: missing, different, or left over."""
    now = texts()
    there = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in root.rglob("*.json")}
    return sorted(path for path in now.keys() | there.keys() if now.get(path) != there.get(path))


def write(root: Path = HERE) -> list[str]:
    """Make the files as the code is; those that changed."""
    changed, now = drift(root), texts()
    for path in changed:
        if path in now:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(now[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return changed


def event_schemas() -> dict[str, dict[str, Any]]:
    """The schema of every event as the code is, by type."""
    return {name: json_schema.document(event, f"urn:caas:event:{name}") for event, name in events.TYPE_OF.items()}


def broken(released: Path = RELEASED) -> Sequence[str]:
    """What the code of today would break for readers of records of the last release."""
    return compatibility.breaks(json.loads(released.read_text(encoding="utf-8")), event_schemas(), upcast.STEPS)


def release(released: Path = RELEASED) -> Sequence[str]:
    """Keep the events as they are as the last release, if they break nothing of the one before; what they break."""
    breaks = broken(released) if released.exists() else ()
    if not breaks:
        released.write_text(text_of(event_schemas()), encoding="utf-8")
    return breaks
