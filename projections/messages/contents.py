"""What messages say, as it lies in facets: of what a message may carry, a facet keeps only what this one carries.

Beside `text`, and `reply_to` of a sent one, there may be `thread_root`, `mentions`, `attachments`, `ciphertext`,
`metadata` (as JSON text: its keys may not be anything that a store takes) and `forwarded_from`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.domain import metadata
from schemas.events import Attachment, MessageEdited, MessageSent, Origin

SAID: Final = ("sender", "client_msg_id", "text", "reply_to", "at", "conversation_n")
STRUCTURE: Final = ("thread_root",)
"""What stays to be seen of a deleted message."""
EDITED: Final = ("mentions", "ciphertext")
"""What an edit replaces beside the text."""
REST: Final = ("attachments", "metadata", "forwarded_from")
CARRIED: Final = (*STRUCTURE, *EDITED, *REST)


def sent(event: MessageSent) -> dict[str, Any]:
    """The fields of a `sent` facet."""
    fields = {name: getattr(event, name) for name in SAID}
    for name in CARRIED:
        if value := getattr(event, name):
            fields[name] = _kept(name, value)
    return fields


def edited(event: MessageEdited) -> dict[str, Any]:
    """The fields of a version in an `edited` facet."""
    carried = {name: value for name in EDITED if (value := getattr(event, name))}
    return {"by": event.editor, "text": event.text, **carried}


def event_of(row: Mapping[str, Any], message_id: str, facet: Mapping[str, Any]) -> MessageSent:
    """The event that a `sent` facet was made from; it can be read."""
    return MessageSent(
        tenant=row["tenant"],
        conversation_id=row["conversation_id"],
        message_id=message_id,
        **{name: facet[name] for name in SAID},
        **carried(facet, CARRIED),
    )


def edit_of(row: Mapping[str, Any], message_id: str, version: Mapping[str, Any]) -> MessageEdited:
    """The event that a version was made from; it can be read."""
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
    """Those of these fields that are there, as events and views have them."""
    return {name: _given(name, facet[name]) for name in names if name in facet}


def _kept(name: str, value: Any) -> Any:
    match name:
        case "metadata":
            return metadata.text_of(value)
        case "attachments" | "forwarded_from":
            return msgspec.to_builtins(value)
        case _:
            return value


def _given(name: str, value: Any) -> Any:
    match name:
        case "metadata":
            return metadata.of_text(value)
        case "attachments":
            return msgspec.convert(value, list[Attachment])
        case "forwarded_from":
            return msgspec.convert(value, list[Origin])
        case _:
            return value
