"""SessionProtocol turns the frames of one session into actions for its owner, by its state and without I/O.

CONNECTING (only an `auth` frame is accepted) → READY (commands) → DRAINING (commands are rejected as unavailable) →
CLOSED. An `auth` frame of a session that is READY or DRAINING renews its token.
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from schemas.bounds import FrameId
from schemas.commands import Command
from schemas.wire import frames
from schemas.wire.errors import problem
from schemas.wire.request import Frame, Invalid, decode_command, decode_frame

AUTH: Final = "auth"
MAX_STRIKES: Final = 20
"""Maximum number of invalid frames in a row; the last of them closes the session."""


class State(Enum):
    """The state of a session."""

    CONNECTING = "connecting"
    READY = "ready"
    DRAINING = "draining"
    CLOSED = "closed"


class Authenticate(NamedTuple):
    """Check this token; then call `mark_ready` or `refused`. A session that is already ready continues in any case."""

    token: str
    frame_id: FrameId
    correlation_id: str


class CommandReceived(NamedTuple):
    """Execute this command, or answer this query, under `frame_id` and `correlation_id`. Its frame came at
    `received_at`, in seconds of `time.perf_counter`.
    """

    command: Command
    frame_id: FrameId
    correlation_id: str
    retry: bool
    received_at: float


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
    """The protocol state of one session. `new_id` returns correlation ids for frames without one, `now` the time."""

    __slots__ = ("_new_id", "_now", "_strikes", "id", "state")

    def __init__(self, new_id: Callable[[], str], now: Callable[[], float] = time.perf_counter) -> None:
        self.id = new_id()
        self.state = State.CONNECTING
        self._new_id = new_id
        self._now = now
        self._strikes = 0

    def mark_ready(self) -> None:
        """Accept commands from now on: the user is known and pushes are delivered."""
        if self.state is State.CONNECTING:
            self.state = State.READY

    def mark_draining(self) -> None:
        """Reject commands from now on: the node stops."""
        if self.state is State.READY:
            self.state = State.DRAINING

    def mark_closed(self) -> None:
        """End the session: later frames cause no action."""
        self.state = State.CLOSED

    def received(self, text: str | bytes) -> tuple[Action, ...]:
        """Return the actions that a text frame requires. Never raises."""
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
            draining = problem("unavailable", "this node goes away: ask the next one")
            return (SendFrame(frames.error(frame.id, draining, correlation_id)),)
        return (CommandReceived(command, frame.id, correlation_id, frame.retry, self._now()),)

    def binary_received(self) -> tuple[Action, ...]:
        """Return the actions for a binary frame, which this text protocol does not allow."""
        if self.state is State.CLOSED:
            return ()
        self.mark_closed()
        return (Close("malformed_frame"),)

    def refused(
        self, code: str, detail: str, frame_id: FrameId = None, correlation_id: str | None = None
    ) -> tuple[Action, ...]:
        """Return the actions that reject its credentials for the reason `code`, and close it."""
        self.mark_closed()
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
        rejection = SendFrame(frames.error(invalid.frame_id, invalid.problem, self._new_id()))
        if self._strikes < MAX_STRIKES:
            return (rejection,)
        self.mark_closed()
        return rejection, Close("too_many_errors")
