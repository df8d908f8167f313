"""What goes over the line as a client sees it: frames in, commands out, and how either can fail."""

from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET, structs

from .language.bounds import ANSWER_BYTES
from .language.commands.command_base import CommandData
from .language.wire.errors import CLOSES, CloseCode, Problem, problem


class Frame(msgspec.Struct, frozen=True):
    """Any frame of a node: a reply has an `id`, a push may have a place `n` in a `lane`."""

    type: str
    id: int | str | None = None
    data: Any = None
    lane: str | None = None
    n: int | None = None
    error: Problem | None = None
    correlation_id: str | None = None

    @property
    def nameless(self) -> bool:
        """Whether it is an error about a frame whose id could not be read."""
        return self.error is not None and self.id is None and self.data is None


class Event(msgspec.Struct, frozen=True):
    """A push as the application gets it; `healed` when a sync brought it, `error` only where its type is that."""

    type: str
    data: Any
    lane: str | None = None
    n: int | None = None
    correlation_id: str | None = None
    healed: bool = False
    error: Problem | None = None


class ChatError(Exception):
    """All that goes wrong for an application: `problem` is of the table in `language.wire.errors`. Its text names the
    fields that are wrong.
    """

    def __init__(self, problem: Problem, correlation_id: str | None = None) -> None:
        where = ", ".join(error["pointer"] for error in problem.errors or () if "pointer" in error)
        super().__init__(f"{problem.code}: {problem.detail}{f' ({where})' if where else ''}")
        self.problem = problem
        self.correlation_id = correlation_id

    @property
    def code(self) -> str:
        """What went wrong, for a program."""
        return self.problem.code

    @property
    def retry(self) -> bool:
        """Whether the same may succeed later, under the same keys."""
        return self.problem.retry

    @property
    def retry_after_ms(self) -> int | None:
        """How long to wait before that, where the node said so."""
        return self.problem.retry_after_ms


class CommandError(ChatError):
    """A node said no, or the client itself before it asked one."""


class Refused(ChatError):
    """The line is gone for good, by this close code of the node or HTTP status of the handshake. Never says `retry`."""

    def __init__(self, close_code: int, why: str = "") -> None:
        code = _CODES.get(close_code, "unavailable")
        detail = f"refused with {close_code}{f': {why}' if why else ''}"
        super().__init__(structs.replace(problem(code, detail), retry=False))
        self.close_code = close_code


class Closed(Exception):
    """The line is gone, with this close code; None where it broke without one."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


BROKEN: Final = frozenset({1005, 1006})
_CODES: Final = {401: "unauthorized", 403: "unauthorized", 404: "not_found", 1009: "too_large"} | {
    4401: "token_expired",
    4501: "unauthorized",
}
_BY_CODE: Final = {close.code: close for close in CLOSES.values()}


def comes_back(code: int | None) -> bool:
    """Whether a client reconnects after this close: 4000-4499, what the table says, and any line that just broke."""
    if code is None or code in BROKEN:
        return True
    return CloseCode(code, "", "").reconnect


def meaning(code: int) -> str:
    """What the table says about a close code."""
    return _BY_CODE[code].meaning if code in _BY_CODE else ""


class _Head(msgspec.Struct):
    id: int | str | None = None
    correlation_id: str | None = None


class _Ask(msgspec.Struct, omit_defaults=True):
    id: int | str
    type: str
    data: Any
    correlation_id: str | None = None
    retry: bool = False
    traceparent: str | None = None


def data_of(command: CommandData[Any]) -> dict[str, Any]:
    """The fields of a command that say something; a default goes without saying."""
    given = ((name, getattr(command, name)) for name in command.__struct_fields__)
    data = {name: value for name, value in given if value is not UNSET}
    defaults = dict(zip(reversed(command.__struct_fields__), reversed(command.__struct_defaults__), strict=False))
    always = {name for name in data if defaults.get(name, NODEFAULT) in (NODEFAULT, UNSET)}
    says = {name for name, value in data.items() if value not in (None, [], defaults.get(name))}
    return {name: value for name, value in data.items() if name in always | says}


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Frame).decode
_head: Final = msgspec.json.Decoder(_Head).decode


def ask(
    frame_id: int | str,
    kind: str,
    data: Any,
    correlation_id: str | None = None,
    traceparent: str | None = None,
    *,
    retry: bool = False,
) -> bytes:
    """The frame of a command."""
    return _encode(_Ask(frame_id, kind, data, correlation_id, retry, traceparent))


def read(text: str | bytes, limit: int = ANSWER_BYTES) -> Frame:
    """A frame of a node. An answer of more than `limit` characters is not read: it is the error `too_large` of its
    call. Raises `msgspec.DecodeError`.
    """
    if len(text) > limit and (head := _head(text)).id is not None:
        wrong = problem("too_large", f"the answer has {len(text)} characters, at most {limit} are taken")
        return Frame("error", head.id, error=wrong, correlation_id=head.correlation_id)
    return _decode(text)
