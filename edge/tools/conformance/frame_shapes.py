"""Validates the frames of a node against the structs of `schemas` that our own nodes use."""

from typing import Any, Final

import msgspec

from schemas.commands import ANSWER_OF, COMMANDS
from schemas.export.asyncapi_socket import PUSHES
from schemas.wire.answers import Authenticated
from schemas.wire.errors import ERRORS, Problem
from schemas.wire.frames import PUSH_OF_LANE, PUSH_OF_USER, USER

LANE_OF: Final = {kind: lane for lane, kind in PUSH_OF_LANE.items()} | {PUSH_OF_USER: USER}
"""The lane of a push that has one."""


def shape_of(frame: Any, asked: str | None) -> str | None:
    """Return what is wrong with a frame, None if nothing; `asked` is the command that its id belongs to."""
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        return "a frame is an object with a type"
    try:
        return _wrong(frame, asked)
    except msgspec.ValidationError as error:
        return f"{frame['type']}: {error}"


def _wrong(frame: dict[str, Any], asked: str | None) -> str | None:
    kind = frame["type"]
    if kind == "error":
        problem = msgspec.convert(frame.get("error"), Problem)
        known = ERRORS.get(problem.code)
        if known is not None and known.retry != problem.retry:
            return f"{problem.code} says retry {problem.retry}"
    elif frame.get("id") is not None:
        expected = "synced" if asked == "sync" else "ack"
        if asked == "auth":
            if kind != "ack":
                return f"auth is answered by {kind}"
            msgspec.convert(frame.get("data"), Authenticated)
        elif asked in COMMANDS:
            if kind != expected:
                return f"{asked} is answered by {kind}"
            msgspec.convert(frame.get("data"), ANSWER_OF[COMMANDS[asked]])
    elif kind in PUSHES:
        msgspec.convert(frame.get("data"), PUSHES[kind])
        n = frame.get("n")
        if frame.get("lane") != LANE_OF.get(kind) or (kind in LANE_OF and not (isinstance(n, int) and n > 0)):
            return f"{kind} has lane {frame.get('lane')!r} and n {n!r}"
    return None
