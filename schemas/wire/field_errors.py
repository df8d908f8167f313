"""Describes a value that does not match its schema by a JSON pointer and one of four codes."""

import re
from typing import Final, Literal, get_args

import msgspec

from schemas.bounds import PATTERN_DESCRIPTIONS
from schemas.wire.errors import Problem, problem

Code = Literal["missing", "type", "value", "bounds"]
CODES: Final[tuple[Code, ...]] = get_args(Code)
"""In this order: missing; of another type; not an allowed value; too short, long, small or large."""

_WHERE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")
_PATTERN: Final = re.compile(r"^Expected `str` matching regex (?P<regex>.*)$")
_DESCRIPTIONS: Final = {repr(pattern): words for pattern, words in PATTERN_DESCRIPTIONS.items()}
_HUGE: Final = ("Integer value out of range", "Number out of range")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def locate_validation_error(error: msgspec.ValidationError, below: str = "") -> tuple[str, Code, str]:
    """Return `(pointer, code, reason)` from msgspec's `… - at `$.text``; a key in a map becomes `...`."""
    message = str(error)
    found = _WHERE.search(message)
    reason = message[: found.start()] if found else message
    pointer = below + "".join(f"/{name or index}" for name, index in _STEP.findall(found["path"] if found else ""))
    if missing := _MISSING.match(reason):
        return f"{pointer}/{missing['field']}", "missing", reason
    return pointer, _code(reason), _describe(reason)


def validation_failed(error: msgspec.ValidationError, below: str = "") -> Problem:
    """Return the problem to send; `below` is the pointer to the value in the client's frame or body."""
    pointer, code, reason = locate_validation_error(error, below)
    return problem("validation_failed", reason, errors=[{"pointer": pointer, "code": code}])


def _describe(reason: str) -> str:
    """Replace a regular expression in the reason by its description."""
    pattern = _PATTERN.match(reason)
    return reason if pattern is None else f"Expected {_DESCRIPTIONS.get(pattern['regex'], pattern['regex'])}"


def _code(reason: str) -> Code:
    if reason.startswith("Invalid ") or " matching regex " in reason:
        return "value"
    if " of length " in reason or re.search(r"` [<>]=? ", reason) or reason in _HUGE:
        return "bounds"
    return "type"
