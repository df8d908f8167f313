"""Metadata: a small JSON object that clients keep on a message or a conversation, and that nobody here reads."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.domain.decision import field_error
from schemas.bounds import METADATA_BYTES

DEEP: Final = 32
"""So many objects and arrays may lie in each other: whatever reads JSON later must be able to."""
WHOLE: Final = 2**53
"""Maximum size of a whole number (RFC 7493): whatever reads JSON later must keep it."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def check(metadata: Mapping[str, Any] | None) -> None:
    """Raises `Rejected` for metadata that is too large as JSON, too deep, or has numbers that not all readers keep."""
    if metadata is None:
        return
    if wrong := _wrong(metadata):
        raise field_error("metadata", "bounds", f"metadata {wrong}")


def text_of(metadata: Mapping[str, Any] | None) -> str | None:
    """The metadata as a row or a state has it: JSON text, the same for equal metadata; an empty object is none."""
    return _encode(metadata).decode() if metadata else None


def of_text(text: str | None) -> dict[str, Any] | None:
    """The metadata in such a text."""
    return None if text is None else _decode(text)


def _wrong(metadata: Mapping[str, Any]) -> str:
    """What is wrong, or nothing. It is not looked through further than its bounds: any member takes a byte at least."""
    level: list[Any] = [metadata]
    members = 0
    for _ in range(DEEP):
        members += sum(map(len, level))
        if members > METADATA_BYTES:
            break
        inner = [one for each in level for one in _members(each)]
        if any(isinstance(one, int) and abs(one) > WHOLE for one in inner):
            return "has a whole number beyond 2^53, which not every reader of JSON keeps: say it as a text"
        level = [one for one in inner if isinstance(one, dict | list)]
    else:
        if level:
            return f"is more than {DEEP} deep"
    large = members > METADATA_BYTES or len(_encode(metadata)) > METADATA_BYTES
    return f"is larger than {METADATA_BYTES} bytes as JSON" if large else ""


def _members(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
