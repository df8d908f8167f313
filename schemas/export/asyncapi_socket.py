"""Describes the socket protocol as an AsyncAPI document, for a node: it receives commands, sends replies and pushes."""

from dataclasses import asdict
from typing import Any, Final

from schemas.bounds import FrameId, Traceparent, Uuid
from schemas.commands import ANSWER_OF, COMMANDS, NAME_OF, Command
from schemas.export import json_schema
from schemas.export.asyncapi_log import ASYNCAPI, VERSION
from schemas.export.json_schema import Schema
from schemas.wire.answers import Authenticated
from schemas.wire.errors import CLOSES, ERRORS, CloseCode, Problem
from schemas.wire.frames import CURSORS, PUSH_OF_LANE, PUSH_OF_USER, SLOW_DOWN, SUBPROTOCOL, USER, Hello
from schemas.wire.views import (
    ChangeView,
    CursorsView,
    InboxView,
    MessageView,
    PresenceView,
    ReactionsView,
    ReceiptView,
    SlowDownView,
    TypingView,
)

PATH: Final = "/socket"
PUSHES: Final[dict[str, type]] = {
    "hello": Hello,
    "message:new": MessageView,
    "message:edited": MessageView,
    "message:deleted": MessageView,
    "reaction:changed": ReactionsView,
    "conversation:updated": ChangeView,
    PUSH_OF_USER: InboxView,
    "presence": PresenceView,
    "typing": TypingView,
    "receipt": ReceiptView,
    CURSORS: CursorsView,
    SLOW_DOWN: SlowDownView,
}
"""The pushes of a node whose data is a struct; `going-away` and `error` have shapes of their own."""

_SCHEMAS: Final = "#/components/schemas/"
_MESSAGES: Final = "#/components/messages/"
_TEXT: Final = {"type": "string"}


def document() -> dict[str, Any]:
    """Return the whole document."""
    messages = _messages()
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "CAAS socket",
            "version": VERSION,
            "description": f"JSON text frames over a WebSocket, subprotocol {SUBPROTOCOL}.",
        },
        "defaultContentType": "application/json",
        "servers": {"node": {"host": "127.0.0.1:3002", "pathname": PATH, "protocol": "ws"}},
        "channels": {
            "socket": {
                "address": PATH,
                "messages": {name: {"$ref": _MESSAGES + name} for name in messages},
                "bindings": {"ws": {"method": "GET", "headers": _handshake(), "bindingVersion": "0.1.0"}},
            }
        },
        "operations": _operations(messages),
        "components": {"messages": messages, "schemas": _schemas()},
        "x-error-codes": [asdict(error) for error in ERRORS.values()],
        "x-close-codes": [_close(close) for close in CLOSES.values()],
    }


def _close(close: CloseCode) -> dict[str, Any]:
    return {**asdict(close), "reconnect": close.reconnect}


def _key(frame_type: str) -> str:
    return frame_type.replace(":", "-")


def _answer_key(command: type[Command]) -> str:
    return f"{_key(NAME_OF[command])}-answer"


def _handshake() -> Schema:
    return json_schema.record(
        ["Sec-WebSocket-Protocol"],
        **{"Authorization": {**_TEXT, "pattern": "^Bearer "}, "Sec-WebSocket-Protocol": {"const": SUBPROTOCOL}},
    )


def _messages() -> dict[str, Any]:
    found = {"auth": _message("auth", _command("auth", json_schema.record(["token"], token=_TEXT)))}
    found["auth-answer"] = _message("ack", _answer("ack", _ref(Authenticated)), Authenticated)
    for name, command in COMMANDS.items():
        found[_key(name)] = _message(name, _command(name, _ref(command)), command)
        answer = "synced" if name == "sync" else "ack"
        found[_answer_key(command)] = _message(answer, _answer(answer, _ref(ANSWER_OF[command])), ANSWER_OF[command])
    for name, view in PUSHES.items():
        found[_key(name)] = _message(name, _push(name, _ref(view)), view)
    found["going-away"] = _message("going-away", _push("going-away", _going_away()))
    found["error"] = _message("error", _error(), Problem)
    return found


def _message(name: str, payload: Schema, struct: type | None = None) -> dict[str, Any]:
    summary = {} if struct is None else {"summary": (struct.__doc__ or "").partition("\n")[0]}
    correlation = {"correlationId": {"location": "$message.payload#/correlation_id"}}
    return {"name": name, **summary, "payload": payload, **correlation}


def _ref(kind: type) -> Schema:
    return {"$ref": f"{_SCHEMAS}{kind.__name__}"}


def _command(name: str, data: Schema) -> Schema:
    """Return the schema of a client's frame."""
    uuid = {"anyOf": [json_schema.inline(Uuid), {"type": "null"}], "default": None}
    trace = {"anyOf": [json_schema.inline(Traceparent), {"type": "null"}], "default": None}
    retry = {"type": "boolean", "default": False}
    frame_id = {**json_schema.inline(FrameId), "default": None}
    return json_schema.record(
        ["type", "data"],
        id=frame_id,
        type={"const": name},
        data=data,
        correlation_id=uuid,
        retry=retry,
        traceparent=trace,
    )


def _answer(name: str, data: Schema) -> Schema:
    """Return the schema of a node's frame that answers a client's."""
    frame_id = json_schema.inline(FrameId)
    return json_schema.record(
        ["id", "type", "data", "correlation_id"], id=frame_id, type={"const": name}, data=data, correlation_id=_TEXT
    )


def _push(name: str, data: Schema) -> Schema:
    """Return the schema of a push; one of a lane has its number in it."""
    lane = next((lane for lane, kind in {**PUSH_OF_LANE, USER: PUSH_OF_USER}.items() if kind == name), None)
    place: dict[str, Schema] = {} if lane is None else {"lane": {"const": lane}, "n": {"type": "integer", "minimum": 1}}
    return json_schema.record(["type", "data", *place], type={"const": name}, data=data, correlation_id=_TEXT, **place)


def _going_away() -> Schema:
    number = {"type": "integer"}
    return json_schema.record(["code", "reconnect_after_ms"], code=number, reconnect_after_ms=number)


def _error() -> Schema:
    """Return the schema of an error: `id` is null if no readable frame caused it; else `data` is null."""
    ids = json_schema.record(["conversation_id", "message_id"], conversation_id=_TEXT, message_id=_TEXT)
    return json_schema.record(
        ["id", "type", "error", "correlation_id", "data"],
        id=json_schema.inline(FrameId),
        type={"const": "error"},
        error=_ref(Problem),
        correlation_id={"anyOf": [_TEXT, {"type": "null"}]},
        data={"anyOf": [ids, {"type": "null"}]},
    )


def _operations(messages: dict[str, Any]) -> dict[str, Any]:
    replies = {_key(name): [_answer_key(command), "error"] for name, command in COMMANDS.items()} | {
        "auth": ["auth-answer", "error"]
    }
    answers = {answer for each in replies.values() for answer in each}
    found = {key: {**_operation("receive", key), "reply": _reply(*answers)} for key, answers in replies.items()}
    pushes = [key for key in messages if key not in replies and key not in answers]
    return found | {key: _operation("send", key) for key in (*pushes, "error")}


def _operation(action: str, key: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": [_in_channel(key)]}


def _reply(*keys: str) -> dict[str, Any]:
    return {"channel": {"$ref": "#/channels/socket"}, "messages": [_in_channel(key) for key in keys]}


def _in_channel(key: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{key}"}


def _schemas() -> dict[str, Schema]:
    views = [*PUSHES.values(), Authenticated, *ANSWER_OF.values(), Problem]
    requests = json_schema.components(COMMANDS.values(), _SCHEMAS, tagged=False)
    return requests | json_schema.components(dict.fromkeys(views), _SCHEMAS)
