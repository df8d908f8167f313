"""SessionProtocol maps frames to actions by its state, without I/O."""

import itertools
import json

from edge.socket.session.protocol import (
    MAX_STRIKES,
    Authenticate,
    Close,
    CommandReceived,
    Origin,
    SendFrame,
    SessionProtocol,
    State,
)
from schemas.commands.queries import ListConversations

CORRELATION = "11111111-1111-4111-8111-111111111111"
CONTEXT = f"00-{'ab' * 16}-{'cd' * 8}-01"
DEEP_JSON = b"[" * 30_000
DEEP_DATA = b'{"type":"auth","data":{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}}"
INVALID_UTF_8 = b'{"type":"auth","data":{"token":"\xff\xfe"}}'


def session(*, ready: bool = True) -> SessionProtocol:
    numbers = itertools.count()
    found = SessionProtocol(lambda: f"id-{next(numbers)}", lambda: 2.5)
    if ready:
        found.mark_ready()
    return found


def frame(kind: str, **more: object) -> str:
    return json.dumps({"id": 7, "type": kind, **more})


def code_of(reply: object) -> str:
    assert isinstance(reply, SendFrame)
    found: str = json.loads(reply.frame)["error"]["code"]
    return found


def test_first_frame_authenticates() -> None:
    (action,) = session(ready=False).received(frame("auth", data={"token": "t"}, correlation_id=CORRELATION))
    assert action == Authenticate("t", 7, CORRELATION)


def test_first_frame_without_auth_is_rejected_and_closes() -> None:
    firsts = (
        frame("conversation:list"),
        frame("auth", data={}),
        "rubbish",
        b"\xff",
        DEEP_JSON,
        INVALID_UTF_8,
        DEEP_DATA,
    )
    for first in firsts:
        found = session(ready=False)
        reply, close = found.received(first)
        assert (code_of(reply), close, found.state) == ("unauthorized", Close("bad_token"), State.CLOSED)


def test_expired_token_has_its_own_close_code() -> None:
    assert session(ready=False).refused("token_expired", "")[1] == Close("token_expired")
    assert session(ready=False).refused("unauthorized", "")[1] == Close("bad_token")


def test_another_token_renews_ready_and_draining_sessions() -> None:
    found = session()
    for _ in range(2):
        (action,) = found.received(frame("auth", data={"token": "t"}, correlation_id=CORRELATION))
        assert action == Authenticate("t", 7, CORRELATION)
        (reply,) = found.received(frame("auth", data={}))
        assert code_of(reply) == "unauthorized"
        found.mark_draining()
    assert found.state is State.DRAINING


def test_command_keeps_its_correlation_id_or_gets_one() -> None:
    found = session()
    (given,) = found.received(frame("conversation:list", correlation_id=CORRELATION, retry=True))
    assert given == CommandReceived(ListConversations(), 7, CORRELATION, True, 2.5)
    (made,) = found.received(frame("conversation:list"))
    assert isinstance(made, CommandReceived)
    assert made.correlation_id == "id-1"


def test_command_continues_the_trace_of_its_frame() -> None:
    (given,) = session().received(frame("conversation:list", traceparent=CONTEXT))
    assert isinstance(given, CommandReceived)
    assert (given.traceparent, given.caller) == (CONTEXT, CONTEXT)
    (none,) = session().received(frame("conversation:list", traceparent="rubbish"))
    assert isinstance(none, CommandReceived)
    assert (none.traceparent, none.caller) == ("", "")


def test_command_begins_a_span_where_somebody_collects_them() -> None:
    found = SessionProtocol(lambda: "id", begin=lambda correlation_id, caller: f"{correlation_id} below {caller[:2]}")
    found.mark_ready()
    (given,) = found.received(frame("conversation:list", correlation_id=CORRELATION, traceparent=CONTEXT))
    assert isinstance(given, CommandReceived)
    assert (given.traceparent, given.caller) == (f"{CORRELATION} below 00", CONTEXT)


def test_login_is_under_the_ids_of_its_handshake_unless_its_frame_has_others() -> None:
    handshake = Origin("22222222-2222-4222-8222-222222222222", CONTEXT)
    found = SessionProtocol(lambda: "id", origin=handshake)
    assert found.received(frame("auth", data={"token": "t"})) == (Authenticate("t", 7, handshake.correlation_id),)
    assert found.origin == handshake
    given = {"correlation_id": CORRELATION, "traceparent": CONTEXT.replace("ab", "ef")}
    found.received(frame("auth", data={"token": "t"}, **given))
    assert found.origin == Origin(CORRELATION, given["traceparent"])
    found.mark_ready()
    (renewal,) = found.received(frame("auth", data={"token": "t"}))
    assert renewal == Authenticate("t", 7, "id")


def test_refused_login_is_answered_under_the_correlation_id_of_its_handshake() -> None:
    reply, _ = SessionProtocol(lambda: "id", origin=Origin(CORRELATION)).refused("unauthorized", "")
    assert isinstance(reply, SendFrame)
    assert json.loads(reply.frame)["correlation_id"] == CORRELATION


def test_invalid_frame_is_answered_with_its_id() -> None:
    (reply,) = session().received(frame("nonsense"))
    assert code_of(reply) == "unknown_command"
    assert isinstance(reply, SendFrame)
    assert json.loads(reply.frame)["id"] == 7


def test_invalid_frames_in_a_row_close_and_a_command_resets_their_count() -> None:
    found = session()
    for _ in range(MAX_STRIKES - 1):
        assert len(found.received("{")) == 1
    found.received(frame("conversation:list"))
    for _ in range(MAX_STRIKES - 1):
        assert len(found.received("{")) == 1
    assert found.received("{")[1] == Close("too_many_errors")
    assert found.received(frame("conversation:list")) == ()


def test_binary_frame_closes() -> None:
    assert session().binary_received() == (Close("malformed_frame"),)


def test_draining_session_rejects_commands() -> None:
    found = session()
    found.mark_draining()
    assert code_of(found.received(frame("conversation:list"))[0]) == "unavailable"
