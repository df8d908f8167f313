"""Converts the contents of messages to and from facets; a facet has only the optional fields that its message has.

Beside `text`, and `reply_to` in a `sent` facet, there may be `thread_root`, `mentions`, `attachments`, `ciphertext`,
`metadata` (as JSON text: a store may not accept its keys) and `forwarded_from`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.domain import metadata
from core.domain.content import Content
from schemas.events import Attachment, MessageEdited, MessageSent, Origin

SENT_FIELDS: Final = ("sender", "client_msg_id", "text", "reply_to", "at", "conversation_n")
STRUCTURE: Final = ("thread_root",)
"""The fields that stay visible of a deleted message."""
EDITED: Final = ("mentions", "ciphertext")
"""The fields that an edit replaces beside the text."""
REST: Final = ("attachments", "metadata", "forwarded_from")
CARRIED: Final = (*STRUCTURE, *EDITED, *REST)


def sent(event: MessageSent) -> dict[str, Any]:
    """Return the fields of a `sent` facet."""
    fields = {name: getattr(event, name) for name in SENT_FIELDS}
    for name in CARRIED:
        if value := getattr(event, name):
            fields[name] = _encode(name, value)
    return fields


def edited(event: MessageEdited) -> dict[str, Any]:
    """Return the fields of a version in an `edited` facet."""
    carried = {name: value for name in EDITED if (value := getattr(event, name))}
    return {"by": event.editor, "text": event.text, **carried}


def event_of(row: Mapping[str, Any], message_id: str, facet: Mapping[str, Any]) -> MessageSent:
    """Return the event that a `sent` facet was made from; the facet must not be unreadable."""
    return MessageSent(
        tenant=row["tenant"],
        conversation_id=row["conversation_id"],
        message_id=message_id,
        **{name: facet[name] for name in SENT_FIELDS},
        **carried(facet, CARRIED),
    )


def edit_of(row: Mapping[str, Any], message_id: str, version: Mapping[str, Any]) -> MessageEdited:
    """Return the event that a version was made from; the version must not be unreadable."""
    return MessageEdited(
        tenant=row["tenant"],
        conversation_id=row["conversation_id"],
        message_id=message_id,
        at=version["at"],
        editor=version["by"],
        text=version["text"],
        **carried(version, EDITED),
    )


def carried(facet: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of these fields that the facet has, decoded as in events and views."""
    return {name: _decode(name, facet[name]) for name in names if name in facet}


def _encode(name: str, value: Any) -> Any:
    match name:
        case "metadata":
            return metadata.text_of(value)
        case "attachments" | "forwarded_from":
            return msgspec.to_builtins(value)
        case _:
            return value


def _decode(name: str, value: Any) -> Any:
    match name:
        case "metadata":
            return metadata.of_text(value)
        case "attachments":
            return msgspec.convert(value, list[Attachment])
        case "forwarded_from":
            return msgspec.convert(value, list[Origin])
        case _:
            return value


def changed_content(row: Mapping[str, Any] | None, event_id: str) -> Content | None:
    """Return the content that an edit or a deletion gives a row's message, also one that changed nothing; None if it is
    missing or unreadable.
    """
    for lane in ("edited", "deleted"):
        for version in (row or {}).get(lane, {}).get("versions", ()):
            if version["id"] == event_id and "unreadable" not in version:
                return Content(text=version.get("text", ""), ciphertext=version.get("ciphertext"))
    return None
