"""What a node says to a client: hello, replies, and pushes, each encoded once however many receive it."""

from typing import Any, Final, Literal

import msgspec

from schemas import bounds
from schemas.wire import errors
from schemas.wire.errors import Problem
from schemas.wire.request import FrameId

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
USER: Final = "user"
"""The lane of one user: their cursors, mutes, archives and hidden messages; what a `Push` in it is for is `to`."""
PUSH_OF_USER: Final = "inbox:changed"
TYPING: Final = "typing"
PRESENCE: Final = "presence"
CURSORS: Final = "cursors:moved"
"""What stands as the lane of a `Push` that says how people are, or how far they have read: none of these has numbers.
"""
LIMITS: Final = {
    "frame": bounds.FRAME_BYTES,
    "answer": bounds.ANSWER_BYTES,
    "text": bounds.TEXT_CHARS,
    "in_flight": bounds.IN_FLIGHT,
    "members_per_command": bounds.MEMBERS_PER_COMMAND,
    "members": bounds.CONVERSATION_MEMBERS,
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
    """The first frame of a node: who you are, for how many seconds your token is good, and what you may do."""

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
    """`{"id", "type": "ack", "data": {…}, "correlation_id"}`: what an accepted command or a query answers."""
    return _encode(_Reply(frame_id, "ack", data, correlation_id))


def synced(frame_id: FrameId, data: object, correlation_id: str | None) -> bytes:
    """`{"id", "type": "synced", "data": {"complete", "positions"}}`: the end of what a sync brought."""
    return _encode(_Reply(frame_id, "synced", data, correlation_id))


def error(frame_id: FrameId, what: Problem, correlation_id: str | None = None, data: object = None) -> bytes:
    """`{"id", "type": "error", "error": {…}, "correlation_id"}`."""
    return _encode(_Error(frame_id, what, correlation_id, data=data))


def push(kind: str, data: object, lane: str | None = None, n: int | None = None, correlation_id: str = "") -> bytes:
    """`{"type", "lane", "n", "data": {…}, "correlation_id"}`: something that happened."""
    return _encode(_Push(kind, data, lane, n, correlation_id or None))


def going_away(reconnect_after_ms: int) -> bytes:
    """A draining node asks its client to open another line; this one serves until it is closed."""
    close = errors.CLOSES["draining"]
    return _encode(_Push("going-away", {"code": close.code, "reconnect_after_ms": reconnect_after_ms}))


class _Correlated(msgspec.Struct):
    correlation_id: str = ""


_correlated: Final = msgspec.json.Decoder(_Correlated)


def correlation_of(frame: bytes) -> str:
    """The correlation id in a frame of ours, for the log; empty where it has none."""
    try:
        return _correlated.decode(frame).correlation_id
    except msgspec.DecodeError:
        return ""


class Push(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a processor sends to the nodes: a ready frame, and what a node needs to know whom it is for.

    `model` and `generation` name the read model it was made from; `lane` and `n` its number there, empty and 0 for
    receipts and errors, which go to the user `to` alone; `conversation_n` is how new a node's view must be; `seq` is
    the message's, which a member's stays are asked about. Typing goes to everyone but the typist, who is `by`; of
    presence `conversation_id` says whose it is, and there is no frame. Cursors that moved go to everyone, gathered.
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


_pushes: Final = msgspec.msgpack.Decoder(list[Push])
_pack: Final = msgspec.msgpack.Encoder().encode


def pack_pushes(pushes: list[Push]) -> bytes:
    """Several pushes for one node in one hint."""
    return _pack(pushes)


def unpack_pushes(payload: bytes) -> list[Push]:
    """The pushes in a hint. Raises `msgspec.DecodeError`."""
    return _pushes.decode(payload)
