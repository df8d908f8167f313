"""Old events become the newest by pure steps, one version at a time; readers know only the newest."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from schemas import events
from schemas.events import Event

Step = tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]
"""The type an old body becomes, and how."""

STEPS: Final[Mapping[str, Step]] = {}
"""Old type → step. Empty while every event is at v1; a released version is never removed from here."""

_TOPIC_OF_FAMILY: Final = {tag.rpartition(".")[0]: events.TOPIC_OF[event] for tag, event in events.EVENT_OF.items()}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Event]]] = {
    tag: msgspec.json.Decoder(event) for tag, event in events.EVENT_OF.items()
}


class UnknownVersion(ValueError):
    """A type of our family in a version this code has never heard of."""


def topic_of(event_type: str) -> str | None:
    """The topic of an event type in any version, known or not; None when the family is not ours."""
    return _TOPIC_OF_FAMILY.get(event_type.rpartition(".")[0])


def decode(event_type: str, body: bytes, steps: Mapping[str, Step] = STEPS) -> Event:
    """The newest form of a body. Raises `msgspec.DecodeError` or `UnknownVersion`."""
    decoder = _DECODERS.get(event_type)
    if decoder is not None:
        return decoder.decode(body)
    if event_type not in steps:
        raise UnknownVersion(f"no code reads {event_type}")
    content = msgspec.json.decode(body, type=dict[str, Any])
    while event_type in steps:
        event_type, step = steps[event_type]
        content = step(content)
    return msgspec.convert({**content, "type": event_type}, events.EVENT_OF[event_type])
