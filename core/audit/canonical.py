"""Canonical JSON (RFC 8785) of values without fractions: equal values have equal bytes, so that they can be hashed."""

import json
from typing import Final

MAX_INTEGER: Final = 2**53 - 1
"""Greatest integer that every JSON reader takes exactly, and its negative is the least."""


def canonical(value: object) -> bytes:
    """Return the canonical JSON of strings, integers, booleans, null, lists, and dictionaries with names of strings.

    Raises `ValueError` for anything else: a float, an integer beyond `MAX_INTEGER`, half a surrogate pair.
    """
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _sorted(value: object) -> object:
    """Return the value with all names in the order of their UTF-16 code units."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) <= MAX_INTEGER:
            return value
        case list():
            return [_sorted(item) for item in value]
        case dict() if all(isinstance(name, str) for name in value):
            return {name: _sorted(value[name]) for name in sorted(value, key=_code_units)}
    raise ValueError(f"{type(value).__name__} {value!r:.80} has no canonical form here")


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be")
