"""Metadata is a small JSON object of clients on a message or a conversation; the server never interprets it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.domain.decision import field_error
from schemas.bounds import METADATA_BYTES

MAX_DEPTH: Final = 32
"""Maximum nesting depth of objects and arrays: later readers of the JSON must be able to parse it."""
MAX_INTEGER: Final = 2**53
"""Maximum absolute value of an integer (RFC 7493): later readers of the JSON must keep it exact."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def check(metadata: Mapping[str, Any] | None) -> None:
    """Check metadata. Raises `Rejected` if it is too large as JSON, too deep, or has integers beyond `MAX_INTEGER`."""
    if metadata is None:
        return
    if wrong := _problem(metadata):
        raise field_error("metadata", "bounds", f"metadata {wrong}")


def text_of(metadata: Mapping[str, Any] | None) -> str | None:
    """Return metadata as rows and states have it: JSON text, the same for equal metadata; None for an empty object."""
    return _encode(metadata).decode() if metadata else None


def of_text(text: str | None) -> dict[str, Any] | None:
    """Return the metadata of such a text."""
    return None if text is None else _decode(text)


def _problem(metadata: Mapping[str, Any]) -> str:
    """Describe the problem, empty if there is none. Stops at the size limit: every element takes a byte at least."""
    level: list[Any] = [metadata]
    members = 0
    for _ in range(MAX_DEPTH):
        members += sum(map(len, level))
        if members > METADATA_BYTES:
            break
        inner = [one for each in level for one in _members(each)]
        if any(isinstance(one, int) and abs(one) > MAX_INTEGER for one in inner):
            return "has a whole number beyond 2^53, which not every JSON reader keeps: send it as a text"
        level = [one for one in inner if isinstance(one, dict | list)]
    else:
        if level:
            return f"is nested more than {MAX_DEPTH} deep"
    large = members > METADATA_BYTES or len(_encode(metadata)) > METADATA_BYTES
    return f"is larger than {METADATA_BYTES} bytes as JSON" if large else ""


def _members(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
