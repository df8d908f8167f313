"""SessionProtocol turns the frames of one session into actions for its owner, by its state and without I/O.

CONNECTING (only an `auth` frame is accepted) → READY (commands) → DRAINING (commands are rejected as unavailable) →
CLOSED. An `auth` frame of a session that is READY or DRAINING renews its token.
"""

import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from core.ports.tracer import UNTRACED
from schemas.bounds import FrameId
from schemas.commands import Command
from schemas.trace_context import accepted
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
    `received_at`, in seconds of `time.perf_counter`; its records continue `traceparent`, which continues `caller`, the
    trace context of the frame. Both may be empty.
    """

    command: Command
    frame_id: FrameId
    correlation_id: str
    retry: bool
    received_at: float
    traceparent: str = ""
    caller: str = ""


class Origin(NamedTuple):
    """What a session was opened under: the correlation id and the trace context of its login, empty for none."""

    correlation_id: str = ""
    traceparent: str = ""


NOWHERE: Final = Origin()


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
    """The protocol state of one session. `new_id` returns correlation ids for frames without one, `now` the time,
    `begin` the trace context of a command (`Tracer.begin`). `origin` is that of the handshake, until `auth` names
    another.
    """

    __slots__ = ("_begin", "_new_id", "_now", "_strikes", "id", "origin", "state")

    def __init__(
        self,
        new_id: Callable[[], str],
        now: Callable[[], float] = time.perf_counter,
        begin: Callable[[str, str], str] = UNTRACED.begin,
        origin: Origin = NOWHERE,
    ) -> None:
        self.id = new_id()
        self.origin = origin
        self.state = State.CONNECTING
        self._begin = begin
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
        caller = accepted(frame.traceparent or "")
        context = self._begin(correlation_id, caller)
        return (CommandReceived(command, frame.id, correlation_id, frame.retry, self._now(), context, caller),)

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
        frame = frames.error(frame_id, problem(code, detail), correlation_id or self._login_id())
        return SendFrame(frame), Close("token_expired" if code == "token_expired" else "bad_token")

    def _login(self, frame: Frame) -> Authenticate:
        ids = frame.id, frame.correlation_id
        if frame.type != AUTH:
            raise Invalid(problem("unauthorized", "the first frame is auth with a token"), *ids)
        try:
            credentials = _credentials.decode(frame.data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Invalid(problem("unauthorized", "auth needs data.token"), *ids) from None
        if self.state is not State.CONNECTING:
            return Authenticate(credentials.token, frame.id, frame.correlation_id or self._new_id())
        correlation_id = frame.correlation_id or self._login_id()
        self.origin = Origin(correlation_id, accepted(frame.traceparent or "") or self.origin.traceparent)
        return Authenticate(credentials.token, frame.id, correlation_id)

    def _login_id(self) -> str:
        """Return the correlation id of a login whose frame has none."""
        return self.origin.correlation_id or self._new_id()

    def _invalid(self, invalid: Invalid) -> tuple[Action, ...]:
        if self.state is State.CONNECTING:
            return self.refused("unauthorized", invalid.problem.detail, invalid.frame_id, invalid.correlation_id)
        self._strikes += 1
        correlation_id = invalid.correlation_id or self._new_id()
        rejection = SendFrame(frames.error(invalid.frame_id, invalid.problem, correlation_id))
        if self._strikes < MAX_STRIKES:
            return (rejection,)
        self.mark_closed()
        return rejection, Close("too_many_errors")
