"""Generates the schema files for other languages from the structs: `python -m schemas.export` writes them,
`--check` lists those that differ from the code, `--release` saves the events as what later code must read.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas import commands, events
from schemas.events import upcast
from schemas.export import asyncapi_log, asyncapi_socket, compatibility, generated, json_schema, openapi
from schemas.wire import answers, views
from schemas.wire.errors import Problem
from schemas.wire.frames import Hello

HERE: Final = Path(__file__).parents[1] / "generated"
RELEASED: Final = Path(__file__).parents[1] / "baseline" / "events-v1.json"
"""The schemas of all events as of the last release, by type."""
PUBLISHED_VIEWS: Final[tuple[type, ...]] = (
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
"""The data of frames that clients receive."""


def documents() -> dict[str, dict[str, Any]]:
    """Return every generated file: its path below `generated/`, and its content."""
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
            for view in PUBLISHED_VIEWS
        },
        "asyncapi-socket.json": asyncapi_socket.document(),
        "asyncapi-log.json": asyncapi_log.document(),
        "openapi.json": openapi.document(),
    }


def texts() -> dict[str, str]:
    """Return the files' texts: sorted and indented, so that a change of one field changes one line."""
    return {path: text_of(content) for path, content in documents().items()}


def text_of(content: Mapping[str, Any]) -> str:
    """Return a document as text."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def drift(root: Path = HERE) -> list[str]:
    """Return the files that do not match the code: missing, different, or left over."""
    return generated.drift(root, texts(), "*.json")


def write(root: Path = HERE) -> list[str]:
    """Update the files to the code; return those that changed."""
    return generated.write(root, texts(), "*.json")


def event_schemas() -> dict[str, dict[str, Any]]:
    """Return the current schema of every event, by type."""
    return {name: json_schema.document(event, f"urn:caas:event:{name}") for event, name in events.TYPE_OF.items()}


def broken(released: Path = RELEASED) -> Sequence[str]:
    """Return the changes since the last release that would make its records unreadable."""
    return compatibility.breaks(json.loads(released.read_text(encoding="utf-8")), event_schemas(), upcast.STEPS)


def release(released: Path = RELEASED) -> Sequence[str]:
    """Save the events as the last release, unless they break the previous one; return the breaking changes."""
    breaks = broken(released) if released.exists() else ()
    if not breaks:
        released.write_text(text_of(event_schemas()), encoding="utf-8")
    return breaks
