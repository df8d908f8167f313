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
    if _deeper(metadata, DEEP):
        raise misfit("metadata", "bounds", f"metadata is more than {DEEP} deep")
    if len(_encode(metadata)) > METADATA_BYTES:
        raise misfit("metadata", "bounds", f"metadata is larger than {METADATA_BYTES} bytes as JSON")


def text_of(metadata: Mapping[str, Any] | None) -> str | None:
    """The metadata as a row or a state has it: JSON text, the same for equal metadata; an empty object is none."""
    return _encode(metadata).decode() if metadata else None


def of_text(text: str | None) -> dict[str, Any] | None:
    """The metadata in such a text."""
    return None if text is None else _decode(text)


def _deeper(value: object, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_deeper(one, most - 1) for one in inner)
