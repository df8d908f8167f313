# Generated from schemas/wire/frames.py by `python -m schemas.export`: do not edit.
"""Encodes the frames of a node: hello, replies, and pushes, each encoded once for all receivers."""

from typing import Any, Final, Literal

import msgspec

from .. import bounds
from ..bounds import FrameId
from ..wire import errors
from ..wire.errors import Problem

SUBPROTOCOL: Final = "caas.v1.json"
PROTOCOL: Final = "caas.v1"
Lane = Literal["sent", "edited", "deleted", "reaction", "conversation"]
LANES: Final[tuple[Lane, ...]] = ("sent", "edited", "deleted", "reaction", "conversation")
PUSH_OF_LANE: Final[dict[str, str]] = {
    "sent": "message:new",
    "edited": "message:edited",
    "deleted": "message:deleted",
    "reaction": "reaction:changed",
    "conversation": "conversation:updated",
}
CONVERSATION: Final = "conversation"
"""The lane of the changes of a conversation itself: its members, title, pins and rules."""
USER: Final = "user"
"""The user lane: one user's cursors, mutes, archives and hidden messages; a `Push` in it goes to the user `to`."""
PUSH_OF_USER: Final = "inbox:changed"
TYPING: Final = "typing"
PRESENCE: Final = "presence"
CURSORS: Final = "cursors:moved"
"""Values of `Push.lane` for typing, presence and cursors, which have no numbers."""
SLOW_DOWN: Final = "slow_down"
LIMITS: Final = {
    "frame": bounds.FRAME_BYTES,
    "answer": bounds.ANSWER_BYTES,
    "text": bounds.TEXT_CHARS,
    "in_flight": bounds.IN_FLIGHT,
    "members_per_command": bounds.MEMBERS_PER_COMMAND,
    "members": bounds.CONVERSATION_MEMBERS,
    "user_conversations": bounds.USER_CONVERSATIONS,
    "cursor_members": bounds.CURSOR_MEMBERS,
    "sync_rows": bounds.SYNC_ROWS,
    "commands_per_s": bounds.COMMANDS_PER_S,
    "commands_burst": bounds.COMMANDS_BURST,
    "user_commands_per_s": bounds.USER_COMMANDS_PER_S,
    "user_commands_burst": bounds.USER_COMMANDS_BURST,
    "user_searches_per_min": bounds.USER_SEARCHES_PER_MIN,
}
FEATURES: Final = [
    "sync",
    "search",
    "history",
    "threads",
    "forward",
    "receipts",
    "reactions",
    "roles",
    "pins",
    "inbox",
    "thread-reads",
    "read-cursors",
    "wait-for",
    "presence",
    "typing",
]

_encode: Final = msgspec.json.Encoder().encode


class Hello(msgspec.Struct, kw_only=True, frozen=True):
    """The first frame of a node: the user, the token's validity in seconds, and the limits and features."""

    session: str
    user_id: str
    expires_in: int
    heartbeat_ms: int
    protocol: str = PROTOCOL
    limits: dict[str, int] = msgspec.field(default_factory=LIMITS.copy)
    features: list[str] = msgspec.field(default_factory=FEATURES.copy)
    idempotency: str = "client keys are unique for ever"


class _Reply(msgspec.Struct, omit_defaults=True):
    id: FrameId
    type: str
    data: Any
    correlation_id: str | None = None


class _Error(msgspec.Struct):
    id: FrameId
    error: Problem
    correlation_id: str | None
    type: Literal["error"] = "error"
    data: Any = None


class _Push(msgspec.Struct, omit_defaults=True):
    type: str
    data: Any
    lane: str | None = None
    n: int | None = None
    correlation_id: str | None = None


def hello(data: Hello) -> bytes:
    """`{"type": "hello", "data": {…}}`."""
    return _encode(_Push("hello", data))


def ack(frame_id: FrameId, data: object, correlation_id: str | None) -> bytes:
    """`{"id", "type": "ack", "data": {…}, "correlation_id"}`: the answer to an accepted command or a query."""
    return _encode(_Reply(frame_id, "ack", data, correlation_id))


def synced(frame_id: FrameId, data: object, correlation_id: str | None) -> bytes:
    """`{"id", "type": "synced", "data": {"complete", "positions"}}`: the end of a sync."""
    return _encode(_Reply(frame_id, "synced", data, correlation_id))


def error(frame_id: FrameId, problem: Problem, correlation_id: str | None = None, data: object = None) -> bytes:
    """`{"id", "type": "error", "error": {…}, "correlation_id"}`."""
    return _encode(_Error(frame_id, problem, correlation_id, data=data))


def push(kind: str, data: object, lane: str | None = None, n: int | None = None, correlation_id: str = "") -> bytes:
    """`{"type", "lane", "n", "data": {…}, "correlation_id"}`: an event."""
    return _encode(_Push(kind, data, lane, n, correlation_id or None))


def going_away(reconnect_after_ms: int) -> bytes:
    """Ask the client of a draining node to open another connection; this one serves until it is closed."""
    close = errors.CLOSES["draining"]
    return _encode(_Push("going-away", {"code": close.code, "reconnect_after_ms": reconnect_after_ms}))


class _Correlated(msgspec.Struct):
    correlation_id: str = ""


_correlated: Final = msgspec.json.Decoder(_Correlated)


def correlation_of(frame: bytes) -> str:
    """Return the correlation id in a frame of ours, for log messages; empty if it has none."""
    try:
        return _correlated.decode(frame).correlation_id
    except msgspec.DecodeError:
        return ""


class Push(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A best-effort push from a processor to the nodes: an encoded frame, and the data to find its receivers.

    `model` and `generation` name the read model it was made from; `lane` and `n` are its number there, empty and 0 for
    receipts and errors. Those, and the pushes of a user's own lane, go to one user alone: `to` is the name of that user
    in the node registry. `conversation_n` is the minimum version of a node's view;
    `seq` is the message's, which must lie in a receiver's membership intervals. Typing goes to everyone but the typist,
    `by`; in presence `conversation_id` names the user, and there is no frame. Cursors go to everyone, in batches.
    `recorded_ms` is when the log got what a numbered push is about, in milliseconds since 1970, 0 if it does not say.
    `traceparent` is the trace context of the record that it is about, empty if there are several.
    """

    model: str
    generation: int
    conversation_id: str
    frame: bytes
    lane: str = ""
    n: int = 0
    conversation_n: int = 0
    seq: int = 0
    to: str = ""
    by: str = ""
    recorded_ms: int = 0
    traceparent: str = ""


_pushes: Final = msgspec.msgpack.Decoder(list[Push])
_pack: Final = msgspec.msgpack.Encoder().encode


def pack_pushes(pushes: list[Push]) -> bytes:
    """Encode several pushes for one node as one payload."""
    return _pack(pushes)


def unpack_pushes(payload: bytes) -> list[Push]:
    """Decode the pushes in a payload. Raises `msgspec.DecodeError`."""
    return _pushes.decode(payload)
