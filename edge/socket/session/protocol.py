"""The rules of one session without any I/O: what a frame received in a state asks its owner to do.

CONNECTING (only an `auth` frame counts) → READY (commands) → DRAINING (commands are put off) → CLOSED. An `auth` frame
of a session that is READY or DRAINING renews its token.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from schemas.commands import Command
from schemas.wire import frames
from schemas.wire.errors import problem
from schemas.wire.request import Frame, FrameId, Invalid, decode_command, decode_frame

AUTH: Final = "auth"
STRIKES: Final = 20
"""So many frames in a row that are no command close a session."""


class State(Enum):
    """Where a session stands."""

    CONNECTING = "connecting"
    READY = "ready"
    DRAINING = "draining"
    CLOSED = "closed"


class Authenticate(NamedTuple):
    """Check this token; then `entered` or `refused`. A session that has entered goes on whatever comes of it."""

    token: str
    frame_id: FrameId
    correlation_id: str


class CommandReceived(NamedTuple):
    """Carry out this command, or answer this query, under `frame_id` and `correlation_id`."""

    command: Command
    frame_id: FrameId
    correlation_id: str
    retry: bool


class SendFrame(NamedTuple):
    """Send this frame."""

    frame: bytes


class Close(NamedTuple):
    """Close with the close code of this name (`schemas.wire.errors.CLOSES`)."""

    name: str


Action = Authenticate | CommandReceived | SendFrame | Close


class _Credentials(msgspec.Struct, frozen=True):
    token: str


_credentials: Final = msgspec.json.Decoder(_Credentials)


class SessionProtocol:
    """One session's state. `new_id` makes correlation ids for frames that bring none."""

    __slots__ = ("_new_id", "_strikes", "id", "state")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.id = new_id()
        self.state = State.CONNECTING
        self._new_id = new_id
        self._strikes = 0

    def entered(self) -> None:
        """Its user is known and its pushes come: commands count from now on."""
        if self.state is State.CONNECTING:
            self.state = State.READY

    def drains(self) -> None:
        """Its node goes away."""
        if self.state is State.READY:
            self.state = State.DRAINING

    def closed(self) -> None:
        """It is over; whatever comes asks for nothing."""
        self.state = State.CLOSED

    def received(self, text: str | bytes) -> tuple[Action, ...]:
        """What a text frame asks for. Never raises."""
        if self.state is State.CLOSED:
            return ()
        try:
            frame = decode_frame(text)
            if self.state is State.CONNECTING or frame.type == AUTH:
                return (self._login(frame),)
            command = decode_command(frame)
        except Invalid as invalid:
            return self._invalid(invalid)
        self._strikes = 0
        correlation_id = frame.correlation_id or self._new_id()
        if self.state is State.DRAINING:
            put_off = problem("unavailable", "this node goes away: ask the next one")
            return (SendFrame(frames.error(frame.id, put_off, correlation_id)),)
        return (CommandReceived(command, frame.id, correlation_id, frame.retry),)

    def binary(self) -> tuple[Action, ...]:
        """A binary frame: this protocol is text."""
        if self.state is State.CLOSED:
            return ()
        self.closed()
        return (Close("malformed_frame"),)

    def refused(
        self, code: str, detail: str, frame_id: FrameId = None, correlation_id: str | None = None
    ) -> tuple[Action, ...]:
        """Its credentials open nothing, for the reason `code`: it is told so and closed."""
        self.closed()
        frame = frames.error(frame_id, problem(code, detail), correlation_id or self._new_id())
        return SendFrame(frame), Close("token_expired" if code == "token_expired" else "bad_token")

    def _login(self, frame: Frame) -> Authenticate:
        if frame.type != AUTH:
            raise Invalid(problem("unauthorized", "the first frame is auth with a token"), frame.id)
        try:
            credentials = _credentials.decode(frame.data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Invalid(problem("unauthorized", "auth needs data.token"), frame.id) from None
        return Authenticate(credentials.token, frame.id, frame.correlation_id or self._new_id())

    def _invalid(self, invalid: Invalid) -> tuple[Action, ...]:
        if self.state is State.CONNECTING:
            return self.refused("unauthorized", invalid.problem.detail, invalid.frame_id)
        self._strikes += 1
        said = SendFrame(frames.error(invalid.frame_id, invalid.problem, self._new_id()))
        if self._strikes < STRIKES:
            return (said,)
        self.closed()
        return said, Close("too_many_errors")
