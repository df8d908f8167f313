"""A value that does not fit its schema is told by a JSON pointer to the place and one of four codes."""

import re
from typing import Final, Literal, get_args

import msgspec

from schemas.bounds import IN_WORDS
from schemas.wire.errors import Problem, problem

Code = Literal["missing", "type", "value", "bounds"]
CODES: Final[tuple[Code, ...]] = get_args(Code)
"""There is none; of another type; none of those allowed; too short, long, small or large."""

_WHERE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")
_PATTERN: Final = re.compile(r"^Expected `str` matching regex (?P<regex>.*)$")
_IN_WORDS: Final = {repr(pattern): words for pattern, words in IN_WORDS.items()}
_HUGE: Final = ("Integer value out of range", "Number out of range")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def locate_validation_error(error: msgspec.ValidationError, below: str = "") -> tuple[str, Code, str]:
    """`(pointer, code, reason)`; msgspec says `… - at `$.text``. A value of a map is told as `...`, its key unsaid."""
    message = str(error)
    found = _WHERE.search(message)
    reason = message[: found.start()] if found else message
    pointer = below + "".join(f"/{name or index}" for name, index in _STEP.findall(found["path"] if found else ""))
    if missing := _MISSING.match(reason):
        return f"{pointer}/{missing['field']}", "missing", reason
    return pointer, _code(reason), _in_words(reason)


def validation_failed(error: msgspec.ValidationError, below: str = "") -> Problem:
    """The problem to tell; `below` is where the value stands in what the client sent."""
    pointer, code, reason = locate_validation_error(error, below)
    return problem("validation_failed", reason, errors=[{"pointer": pointer, "code": code}])


def _in_words(reason: str) -> str:
    """What is expected, and not by which expression."""
    pattern = _PATTERN.match(reason)
    return reason if pattern is None else f"Expected {_IN_WORDS.get(pattern['regex'], pattern['regex'])}"


def _code(reason: str) -> Code:
    if reason.startswith("Invalid ") or " matching regex " in reason:
        return "value"
    if " of length " in reason or re.search(r"` [<>]=? ", reason) or reason in _HUGE:
        return "bounds"
    return "type"
