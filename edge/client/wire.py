"""What goes over the line as a client sees it: frames in, commands out, and how either can fail."""

from typing import Any, Final

import msgspec

from schemas.errors import CLOSES, CloseCode, Problem


class Frame(msgspec.Struct, frozen=True):
    """Any frame of a node: a reply has an `id`, a push may have a place `n` in a `lane`."""

    type: str
    id: int | str | None = None
    data: Any = None
    lane: str | None = None
    n: int | None = None
    error: Problem | None = None
    correlation_id: str | None = None


class Event(msgspec.Struct, frozen=True):
    """A push as the application gets it; `healed` when a sync brought it, `error` only where its type is that."""

    type: str
    data: Any
    lane: str | None = None
    n: int | None = None
    correlation_id: str | None = None
    healed: bool = False
    error: Problem | None = None


class CommandError(Exception):
    """A node said no: `code` is one of the table in `schemas.errors`."""

    def __init__(self, problem: Problem, correlation_id: str | None = None) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.code = problem.code
        self.problem = problem
        self.correlation_id = correlation_id


class Closed(Exception):
    """The line is gone, with this close code; None where it broke without one."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Refused(Exception):
    """The node does not want this client back: by its close code, or by the HTTP status of the handshake."""

    def __init__(self, code: int, why: str = "") -> None:
        super().__init__(f"refused with {code}{f': {why}' if why else ''}")
        self.code = code


BROKEN: Final = frozenset({1005, 1006})
_BY_CODE: Final = {close.code: close for close in CLOSES.values()}


def comes_back(code: int | None) -> bool:
    """Whether a client reconnects after this close: 4000-4499, what the table says, and any line that just broke."""
    if code is None or code in BROKEN:
        return True
    return CloseCode(code, "", "").reconnect


def meaning(code: int) -> str:
    """What the table says about a close code."""
    return _BY_CODE[code].meaning if code in _BY_CODE else ""


class _Ask(msgspec.Struct, omit_defaults=True):
    id: int | str
    type: str
    data: Any
    correlation_id: str | None = None
    retry: bool = False


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Frame).decode


def ask(frame_id: int | str, kind: str, data: Any, correlation_id: str | None = None, retry: bool = False) -> bytes:
    """The frame of a command."""
    return _encode(_Ask(frame_id, kind, data, correlation_id, retry))


def read(text: str | bytes) -> Frame:
    """A frame of a node. Raises `msgspec.DecodeError`."""
    return _decode(text)
