"""A frame from a client: what is around a command, and how both are read."""

import contextlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.bounds import FRAME_VALUES, Uuid
from schemas.commands import COMMANDS, Command
from schemas.wire.errors import Problem, problem
from schemas.wire.field_errors import locate_validation_error, validation_failed
from schemas.wire.frame_ids import has_half_a_pair, id_in

FrameId = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=128)] | None
"""What a client calls its command by; its reply has the same. `None` where it said nothing that could be one."""


class Frame(msgspec.Struct, frozen=True):
    """What every frame from a client has around its data; `correlation_id` is a UUID."""

    type: str
    id: FrameId = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    correlation_id: Uuid | None = None
    retry: bool = False


class Invalid(ValueError):
    """A frame that is no command, with what to tell the client and the frame's id where it could be read."""

    def __init__(self, problem: Problem, frame_id: FrameId = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.frame_id = frame_id


class _Named(msgspec.Struct):
    id: FrameId = None


_FRAME: Final = msgspec.json.Decoder(Frame)
_ID: Final = msgspec.json.Decoder(_Named)
_DATA: Final[dict[str, msgspec.json.Decoder[Command]]] = {
    name: msgspec.json.Decoder(command) for name, command in COMMANDS.items()
}


def decode_frame(text: str | bytes) -> Frame:
    """The frame around a command. Raises `Invalid`."""
    try:
        return _FRAME.decode(text)
    except msgspec.ValidationError as error:
        pointer, _, reason = locate_validation_error(error)
        what = problem("invalid_json", reason) if pointer in {"", "/type"} else validation_failed(error)
        raise Invalid(what, _frame_id(text)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        reason = "a text has half a surrogate pair, which is no character" if has_half_a_pair(text) else str(error)
        raise Invalid(problem("invalid_json", reason), _frame_id(text)) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply"), _frame_id(text)) from None


def decode_command(frame: Frame) -> Command:
    """The command in a frame. Raises `Invalid`."""
    decoder = _DATA.get(frame.type)
    if decoder is None:
        raise Invalid(problem("unknown_command", f"{frame.type[:80]!r} is no command of caas.v1"), frame.id)
    if _crowded(frame.data):
        wrong = [{"pointer": "/data", "code": "bounds"}]
        what = problem("validation_failed", f"more than {FRAME_VALUES} values in one frame", errors=wrong)
        raise Invalid(what, frame.id)
    try:
        return decoder.decode(frame.data)
    except msgspec.ValidationError as error:
        raise Invalid(validation_failed(error, "/data"), frame.id) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(problem("invalid_json", str(error)), frame.id) from None
    except RecursionError:
        raise Invalid(problem("invalid_json", "nested too deeply"), frame.id) from None


def _crowded(data: msgspec.Raw) -> bool:
    """Whether these are far more values than any command has: what is not ours is read over, but metadata is not."""
    text = bytes(data)
    return len(text) > FRAME_VALUES and sum(map(text.count, (b",", b"[", b"{"))) > FRAME_VALUES


def _frame_id(text: str | bytes) -> FrameId:
    """The id of a frame that is wrong elsewhere, so that its sender can tell which one it was."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return _ID.decode(text).id
    with contextlib.suppress(msgspec.DecodeError, UnicodeError):
        return _ID.decode(f'{{"id":{id_in(text) or "null"}}}').id
    return None
