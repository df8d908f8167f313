"""Metadata: a small JSON object that clients keep on a message or a conversation, and that nobody here reads."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.domain.decision import misfit
from schemas.bounds import METADATA_BYTES

DEEP: Final = 32
"""So many objects and arrays may lie in each other: whatever reads JSON later must be able to."""

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def check(metadata: Mapping[str, Any] | None) -> None:
    """Raises `Rejected` for metadata that is too large as JSON, or too deep."""
    if metadata is None:
        return
    if wrong := _wrong(metadata):
        raise misfit("metadata", "bounds", f"metadata is {wrong}")


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
        level = [one for each in level for one in _members(each) if isinstance(one, dict | list)]
    else:
        if level:
            return f"more than {DEEP} deep"
    large = members > METADATA_BYTES or len(_encode(metadata)) > METADATA_BYTES
    return f"larger than {METADATA_BYTES} bytes as JSON" if large else ""


def _members(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
