"""What a program gives becomes what any node can read as JSON, or is refused before it has a place in the order.

Half a surrogate pair is no character: U+FFFD takes its place, in keys too, as browsers do.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from .language.wire.errors import problem
from .wire import CommandError

DEEPEST: Final = 64
"""Maximum number of objects and arrays in each other, twice what a node takes in any field."""


class _Unfit(ValueError):
    """A value that is none of JSON, or lies too deep."""


def sendable(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a command's data that has only whole characters. Raises `CommandError` (`validation_failed`), which
    names the field, for numbers that JSON does not have and what is nested more than `DEEPEST` deep.
    """
    found = {}
    for name, value in data.items():
        try:
            found[_key(name)] = _value(value, 1)
        except _Unfit as unfit:
            wrong = [{"pointer": f"/data/{_key(name)}", "code": "value"}]
            raise CommandError(problem("validation_failed", str(unfit), errors=wrong)) from None
    return found


def _value(value: Any, deep: int) -> Any:
    match value:
        case str():
            return _whole(value)
        case float() if not math.isfinite(value):
            raise _Unfit(f"{value} is no number of JSON")
        case Mapping() | list() | tuple() if deep > DEEPEST:
            raise _Unfit(f"it is nested more than {DEEPEST} deep")
        case Mapping():
            return {_key(key): _value(one, deep + 1) for key, one in value.items()}
        case list() | tuple():
            return [_value(one, deep + 1) for one in value]
        case msgspec.Struct():
            return _value(msgspec.structs.asdict(value), deep)
        case _:
            return value


def _key(key: Any) -> Any:
    return _whole(key) if isinstance(key, str) else key


def _whole(text: str) -> str:
    """The text where it is whole; else with something in the place of each half."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
