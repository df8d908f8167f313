"""The rules of a session, frame by frame, without any I/O."""

import itertools
import json

from edge.socket.session.protocol import (
    STRIKES,
    Authenticate,
    Close,
    CommandReceived,
    SendFrame,
    SessionProtocol,
    State,
)
from schemas.commands.queries import ListConversations

CORRELATION = "11111111-1111-4111-8111-111111111111"
DEEP = b"[" * 30_000
DEEP_DATA = b'{"type":"auth","data":{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}}"
NO_UTF_8 = b'{"type":"auth","data":{"token":"\xff\xfe"}}'


def session(*, ready: bool = True) -> SessionProtocol:
    numbers = itertools.count()
    found = SessionProtocol(lambda: f"id-{next(numbers)}")
    if ready:
        found.entered()
    return found


def frame(kind: str, **more: object) -> str:
    return json.dumps({"id": 7, "type": kind, **more})


def code(said: object) -> str:
    assert isinstance(said, SendFrame)
    found: str = json.loads(said.frame)["error"]["code"]
    return found


def test_the_first_frame_logs_in() -> None:
    (action,) = session(ready=False).received(frame("auth", data={"token": "t"}, correlation_id=CORRELATION))
    assert action == Authenticate("t", 7, CORRELATION)


def test_a_first_frame_that_is_no_auth_is_refused_and_closed() -> None:
    firsts = (frame("conversation:list"), frame("auth", data={}), "rubbish", b"\xff", DEEP, NO_UTF_8, DEEP_DATA)
    for first in firsts:
        found = session(ready=False)
        said, closed = found.received(first)
        assert (code(said), closed, found.state) == ("unauthorized", Close("bad_token"), State.CLOSED)


def test_an_expired_token_is_told_apart_from_a_wrong_one() -> None:
    assert session(ready=False).refused("token_expired", "")[1] == Close("token_expired")
    assert session(ready=False).refused("unauthorized", "")[1] == Close("bad_token")


def test_another_token_renews_a_session_that_has_entered_also_one_that_drains() -> None:
    found = session()
    for _ in range(2):
        (action,) = found.received(frame("auth", data={"token": "t"}, correlation_id=CORRELATION))
        assert action == Authenticate("t", 7, CORRELATION)
        (said,) = found.received(frame("auth", data={}))
        assert code(said) == "unauthorized"
        found.drains()
    assert found.state is State.DRAINING


def test_a_command_keeps_its_correlation_id_or_gets_one() -> None:
    found = session()
    (given,) = found.received(frame("conversation:list", correlation_id=CORRELATION, retry=True))
    assert given == CommandReceived(ListConversations(), 7, CORRELATION, True)
    (made,) = found.received(frame("conversation:list"))
    assert isinstance(made, CommandReceived)
    assert made.correlation_id == "id-1"


def test_a_frame_that_is_no_command_is_answered_with_its_id() -> None:
    (said,) = session().received(frame("nonsense"))
    assert code(said) == "unknown_command"
    assert isinstance(said, SendFrame)
    assert json.loads(said.frame)["id"] == 7


def test_so_many_strikes_in_a_row_close_and_a_command_between_forgives() -> None:
    found = session()
    for _ in range(STRIKES - 1):
        assert len(found.received("{")) == 1
    found.received(frame("conversation:list"))
    for _ in range(STRIKES - 1):
        assert len(found.received("{")) == 1
    assert found.received("{")[1] == Close("too_many_errors")
    assert found.received(frame("conversation:list")) == ()


def test_binary_is_malformed() -> None:
    assert session().binary() == (Close("malformed_frame"),)


def test_a_draining_session_puts_commands_off() -> None:
    found = session()
    found.drains()
    assert code(found.received(frame("conversation:list"))[0]) == "unavailable"
