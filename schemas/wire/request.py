"""Decodes the frames of clients: the frame around a command, and the command in it."""

import contextlib
from typing import Any, Final

import msgspec

from schemas.bounds import FRAME_VALUES, FrameId, Traceparent, Uuid
from schemas.commands import COMMANDS, Command
from schemas.wire.errors import Problem, problem
from schemas.wire.field_errors import locate_validation_error, validation_failed
from schemas.wire.frame_ids import has_lone_surrogate, id_in


class Frame(msgspec.Struct, frozen=True):
    """The fields of every frame from a client, around its data. `correlation_id` is a UUID and `traceparent` one of W3C
    trace context; what is none of these counts as not given.
    """

    type: str
    id: FrameId = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    correlation_id: Uuid | None = None
    retry: bool = False
    traceparent: Traceparent | None = None


class Invalid(ValueError):
    """A frame that is no command, with the problem to send to its client, and its ids if they could be read."""

    def __init__(self, problem: Problem, frame_id: FrameId = None, correlation_id: str | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.frame_id = frame_id
        self.correlation_id = correlation_id


class _WithId(msgspec.Struct):
    id: FrameId = None


class _LooseFrame(msgspec.Struct, frozen=True):
    """A frame whose tracing fields may be anything."""

    type: str
    id: FrameId = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    correlation_id: Any = None
    retry: bool = False
    traceparent: Any = None


_FRAME: Final = msgspec.json.Decoder(Frame)
_LOOSE_FRAME: Final = msgspec.json.Decoder(_LooseFrame)
_TRACING: Final = ("/correlation_id", "/traceparent")
_ID: Final = msgspec.json.Decoder(_WithId)
_DATA: Final[dict[str, msgspec.json.Decoder[Command]]] = {
    name: msgspec.json.Decoder(command) for name, command in COMMANDS.items()
}


def decode_frame(text: str | bytes) -> Frame:
    """Decode the frame around a command. Raises `Invalid`."""
    try:
        try:
            return _FRAME.decode(text)
        except msgspec.ValidationError as error:
            if not locate_validation_error(error)[0].startswith(_TRACING):
                raise
            return _without_wrong_tracing(_LOOSE_FRAME.decode(text))
    except msgspec.ValidationError as error:
        pointer, _, reason = locate_validation_error(error)
        rejection = problem("invalid_json", reason) if pointer in {"", "/type"} else validation_failed(error)
        raise Invalid(rejection, _frame_id(text)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        reason = "a text has half a surrogate pair, not a character" if has_lone_surrogate(text) else str(error)
        raise Invalid(problem("invalid_json", reason), _frame_id(text)) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply"), _frame_id(text)) from None


def _without_wrong_tracing(loose: _LooseFrame) -> Frame:
    """Return the frame without those of its tracing fields that are not valid."""
    return Frame(
        loose.type,
        loose.id,
        loose.data,
        _valid_or_none(loose.correlation_id, Uuid),
        loose.retry,
        _valid_or_none(loose.traceparent, Traceparent),
    )


def _valid_or_none(value: Any, kind: Any) -> str | None:
    try:
        found: str = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
    return found


def decode_command(frame: Frame) -> Command:
    """Decode the command in a frame. Raises `Invalid`."""
    decoder, ids = _DATA.get(frame.type), (frame.id, frame.correlation_id)
    if decoder is None:
        raise Invalid(problem("unknown_command", f"{frame.type[:80]!r} is no command of caas.v1"), *ids)
    if _has_too_many_values(frame.data):
        errors = [{"pointer": "/data", "code": "bounds"}]
        rejection = problem("validation_failed", f"more than {FRAME_VALUES} values in one frame", errors=errors)
        raise Invalid(rejection, *ids)
    try:
        return decoder.decode(frame.data)
    except msgspec.ValidationError as error:
        raise Invalid(validation_failed(error, "/data"), *ids) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(problem("invalid_json", str(error)), *ids) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply"), *ids) from None


def _has_too_many_values(data: msgspec.Raw) -> bool:
    """Whether it has far more values than any command: unknown fields are skipped, but metadata is decoded."""
    text = bytes(data)
    return len(text) > FRAME_VALUES and sum(map(text.count, (b",", b"[", b"{"))) > FRAME_VALUES


def _frame_id(text: str | bytes) -> FrameId:
    """Return the id of a frame that is not valid elsewhere, so that its sender knows which one it was."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return _ID.decode(text).id
    with contextlib.suppress(msgspec.DecodeError, UnicodeError):
        return _ID.decode(f'{{"id":{id_in(text) or "null"}}}').id
    return None
