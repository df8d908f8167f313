"""Converts old events to the newest version by pure steps, one version at a time; readers know only the newest."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from schemas import events
from schemas.events import Event

Step = tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]
"""The type that an old body is converted to, and the conversion."""


def with_messages(content: dict[str, Any]) -> dict[str, Any]:
    """Convert a `message.delivered` of version 1, which named one message, or none in the stages of a member."""
    message = {name: content[name] for name in ("message_id", "sender", "seq")}
    message |= {name: content[name] for name in ("lane", "applied") if name in content}
    kept = {name: value for name, value in content.items() if name not in message}
    if content["stage"] == "persisted":
        return {**kept, "messages": [message]}
    return {**kept, "seq": message["seq"]}


STEPS: Final[Mapping[str, Step]] = {"caas.message.delivered.v1": ("caas.message.delivered.v2", with_messages)}
"""Old type → step. A released version is never removed."""

_TOPIC_OF_FAMILY: Final = {tag.rpartition(".")[0]: events.TOPIC_OF[event] for tag, event in events.EVENT_OF.items()}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Event]]] = {
    tag: msgspec.json.Decoder(event) for tag, event in events.EVENT_OF.items()
}


class Undecodable(ValueError):
    """A body that cannot be decoded, for any reason."""


def topic_of(event_type: str) -> str | None:
    """Return the topic of an event type in any version, known or not; None if the family is not ours."""
    return _TOPIC_OF_FAMILY.get(event_type.rpartition(".")[0])


def decode(event_type: str, body: bytes, steps: Mapping[str, Step] = STEPS) -> Event:
    """Return the newest form of a body. Raises `Undecodable`, and nothing else, for any bytes."""
    try:
        return _decode(event_type, body, steps)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from None
    except RecursionError:
        raise Undecodable("nested too deeply") from None


def _decode(event_type: str, body: bytes, steps: Mapping[str, Step]) -> Event:
    decoder = _DECODERS.get(event_type)
    if decoder is not None:
        return decoder.decode(body)
    content = msgspec.json.decode(body, type=dict[str, Any]) if event_type in steps else {}
    while event_type in steps:
        newer, step = steps[event_type]
        try:
            content = step(content)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Undecodable(f"{event_type} does not become {newer}: {error!r}") from error
        event_type = newer
    if event_type not in events.EVENT_OF:
        raise Undecodable(f"no code reads {event_type[:80]}")
    return msgspec.convert({**content, "type": event_type}, events.EVENT_OF[event_type])
