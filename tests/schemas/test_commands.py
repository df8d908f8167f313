"""Frames that are not valid commands are rejected with one code and, if possible, a pointer to the wrong field."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import commands
from schemas.bounds import CIPHERTEXT_CHARS, FRAME_VALUES, TEXT_CHARS
from schemas.commands import COMMANDS
from schemas.commands.command_base import CommandData
from schemas.commands.message import SendMessage
from schemas.commands.queries import ListConversations, Sync
from schemas.wire.errors import ERRORS
from schemas.wire.request import Invalid, decode_command, decode_frame
from tests.given import CORRELATION, ROOM

SEND = {"conversation_id": ROOM, "client_msg_id": "k1", "text": "hello"}


def frame(kind: str = "message:send", data: Any = SEND, **around: Any) -> str:
    return json.dumps({"id": 7, "type": kind, "data": data, **around})


def send(**changed: Any) -> str:
    return frame(data={**SEND, **changed})


def decode(text: str | bytes) -> commands.Command:
    return decode_command(decode_frame(text))


def rejected(text: str | bytes) -> Invalid:
    with pytest.raises(Invalid) as found:
        decode(text)
    return found.value


def test_a_command_is_decoded_with_its_frame() -> None:
    got = decode_frame(frame(correlation_id=CORRELATION, retry=True))
    assert (got.id, got.correlation_id, got.retry) == (7, CORRELATION, True)
    assert decode_command(got) == SendMessage(**SEND)


@pytest.mark.parametrize("wrong", ["mine", "", 7, ["x"], {"a": 1}, CORRELATION.upper()])
def test_a_wrong_correlation_id_or_trace_context_counts_as_not_given(wrong: object) -> None:
    context = f"00-{'ab' * 16}-{'cd' * 8}-01"
    got = decode_frame(frame(correlation_id=wrong, traceparent=context, retry=True))
    assert (got.id, got.correlation_id, got.traceparent, got.retry) == (7, None, context, True)
    got = decode_frame(frame(correlation_id=CORRELATION, traceparent=wrong))
    assert (got.correlation_id, got.traceparent) == (CORRELATION, None)
    assert decode(frame(correlation_id=wrong, traceparent=wrong)) == SendMessage(**SEND)


def test_a_wrong_field_beside_a_wrong_correlation_id_is_named() -> None:
    rejection = rejected(json.dumps({"type": "message:send", "correlation_id": 7, "retry": "no"}))
    assert rejection.problem.errors == [{"pointer": "/retry", "code": "type"}]


@pytest.mark.parametrize("text", ["x", "x" * TEXT_CHARS, "👋" * TEXT_CHARS, " ", "\x00"], ids=len)
def test_a_text_of_one_to_twenty_thousand_characters_is_valid(text: str) -> None:
    assert decode(send(text=text)) == SendMessage(**{**SEND, "text": text})


def test_unknown_fields_are_ignored() -> None:
    assert decode(send(colour="red")) == SendMessage(**SEND)


def test_the_last_of_duplicate_keys_is_used() -> None:
    twice = '{"type": "x", "type": "conversation:list", "data": {"limit": 5, "limit": 6}}'
    assert decode(twice) == ListConversations(limit=6)


@pytest.mark.parametrize("text", ["," * TEXT_CHARS, "[" * TEXT_CHARS, "{" * TEXT_CHARS], ids=ascii)
def test_brackets_in_a_text_are_not_counted_as_values(text: str) -> None:
    more = {"metadata": {"a": "\u0001" * 600, "b": [[]] * 150}, "mentions": ["a,".replace(",", "")] * 50}
    assert decode(send(text=text, **more)).text == text  # type: ignore[union-attr]
    assert decode(send(text=None, ciphertext=text * 2, **more)).ciphertext == (text * 2)[:CIPHERTEXT_CHARS]  # type: ignore[union-attr]


def test_a_sync_without_positions_is_valid() -> None:
    assert decode(frame("sync", {"positions": {}})) == Sync(positions={})


WRONG_FIELDS = {
    "no text": (send(text=""), "/data/text", "bounds"),
    "too long a text": (send(text="x" * (TEXT_CHARS + 1)), "/data/text", "bounds"),
    "a text that is a number": (send(text=3), "/data/text", "type"),
    "null for a client key": (send(client_msg_id=None), "/data/client_msg_id", "type"),
    "a ciphertext that is no ASCII": (send(text=None, ciphertext="ü"), "/data/ciphertext", "value"),
    "a number out of range": (
        send(metadata={"a": 1}).replace('{"a": 1}', '{"a": 1e400}'),
        "/data/metadata/...",
        "bounds",
    ),
    "a number of 4,400 digits": (
        send(metadata={"a": 1}).replace('{"a": 1}', '{"a": ' + "1" * 4_400 + "}"),
        "/data/metadata/...",
        "bounds",
    ),
    "too many values": (send(metadata={"a": [[]] * FRAME_VALUES}), "/data", "bounds"),
    "an id that is no UUID": (send(conversation_id="room"), "/data/conversation_id", "value"),
    "an id in capitals": (send(conversation_id=ROOM.upper()), "/data/conversation_id", "value"),
    "an id and a line end": (send(conversation_id=ROOM + "\n"), "/data/conversation_id", "value"),
    "an id that is a number": (send(reply_to=1), "/data/reply_to", "type"),
    "no client key": (send(client_msg_id=""), "/data/client_msg_id", "bounds"),
    "too long a client key": (send(client_msg_id="k" * 129), "/data/client_msg_id", "bounds"),
    "a field missing": (frame(data={"conversation_id": ROOM, "text": "x"}), "/data/client_msg_id", "missing"),
    "no data": ('{"id": 7, "type": "sync"}', "/data/positions", "missing"),
    "null for data": (frame("sync", None), "/data", "type"),
    "a list for data": (frame("sync", []), "/data", "type"),
    "an unknown kind": (frame("conversation:create", {"kind": "club"}), "/data/kind", "value"),
    "a user id with a space": (
        frame("conversation:create", {"participants": ["ann", "b ob"]}),
        "/data/participants/1",
        "value",
    ),
    "no user to add": (
        frame("conversation:add-participants", {"conversation_id": ROOM, "participants": []}),
        "/data/participants",
        "bounds",
    ),
    "a page of none": (frame("conversation:list", {"limit": 0}), "/data/limit", "bounds"),
    "too large a page": (frame("conversation:list", {"limit": 201}), "/data/limit", "bounds"),
    "a huge page": (frame("conversation:list", {"limit": 10**30}), "/data/limit", "bounds"),
    "a page that is a float": (frame("conversation:list", {"limit": 1.5}), "/data/limit", "type"),
    "a negative position": (frame("sync", {"positions": {ROOM: {"sent": -1}}}), "/data/positions/.../...", "bounds"),
    "a huge position": (frame("sync", {"positions": {ROOM: {"sent": 2**64}}}), "/data/positions/.../...", "bounds"),
    "a position of no conversation": (frame("sync", {"positions": {"x": {}}}), "/data/positions", "value"),
    "a retry that is a word": (frame(retry="yes"), "/retry", "type"),
}


@pytest.mark.parametrize(("text", "pointer", "code"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named(text: str, pointer: str, code: str) -> None:
    rejection = rejected(text)
    assert rejection.problem.code == "validation_failed"
    assert rejection.problem.errors == [{"pointer": pointer, "code": code}]
    assert rejection.problem.detail
    assert rejection.frame_id == 7


@pytest.mark.parametrize("frame_id", [1.5, True, [], {}, 2**53 + 1, 10**30, "i" * 129], ids=repr)
def test_an_id_that_does_not_fit_a_reply_is_dropped(frame_id: Any) -> None:
    rejection = rejected(json.dumps({"id": frame_id, "type": "sync", "data": {"positions": {}}}))
    assert rejection.problem.errors is not None
    assert rejection.problem.errors[0]["pointer"] == "/id"
    assert rejection.frame_id is None


DEEP = "[" * 30_000 + "]" * 30_000
INVALID_FRAMES: dict[str, str | bytes] = {
    "nothing": "",
    "half a frame": '{"id": 7, "type": "sync"',
    "no JSON": "hello",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "no type": '{"id": 7}',
    "a type that is no word": '{"id": 7, "type": 3}',
    "two frames": '{"type": "sync"} {"type": "sync"}',
    "no UTF-8": b'{"type": "\xff"}',
    "no UTF-8 inside": b'{"type": "message:send", "data": {"conversation_id": "\xff"}}',
    "half a surrogate": '{"type": "message:send", "data": {"text": "\\ud800"}}',
    "half a surrogate, unescaped": '{"type": "\ud800"}',
    "a control character": '{"type": "a\x00b"}',
    "not a number": '{"type": "sync", "data": {"positions": NaN}}',
    "nested without end": DEEP,
    "data nested without end": '{"type": "sync", "data": ' + DEEP + "}",
    "more nested without end": '{"type": "sync", "data": {"positions": {}, "more": ' + DEEP + "}}",
}


@pytest.mark.parametrize("text", INVALID_FRAMES.values(), ids=INVALID_FRAMES.keys())
def test_an_invalid_frame_is_rejected(text: str | bytes) -> None:
    assert rejected(text).problem.code == "invalid_json"


def test_the_id_is_returned_although_the_rest_is_wrong() -> None:
    assert rejected('{"type": 3, "id": "seven"}').frame_id == "seven"
    assert rejected('{"type": 3, "id": ' + DEEP + "}").frame_id is None


BROKEN = {
    "a key with half a surrogate": '{"\\ud800": 1}',
    "the other half": '{"a": "\\udc00"}',
    "nested 1,500 deep": "[" * 1_500 + "]" * 1_500,
    "nested without end": DEEP,
    "not a number": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "quotes and brackets in a text": '{"a": "\\"]}{[,\\\\", "b": "\\ud800"}',
    "a control character": '"a\x00b"',
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_the_id_of_an_undecodable_frame_is_returned(data: str) -> None:
    for text in (
        f'{{"id": 7, "type": "sync", "data": {data}}}',
        f'{{"type": "sync", "data": {data}, "id": 7}}',
        f'{{"type": "sync", "id": 3, "data": {{"id": 4, "x": {data}}}, "\\u0069d" : 7 , "more": {data}}}',
        f'{{"id": 7, "type": "sync", "data": {data}',
    ):
        rejection = rejected(text)
        assert (rejection.problem.code, rejection.frame_id) == ("invalid_json", 7)
        assert rejected(text.replace("7", '"\\u00e9 \\"7"')).frame_id == 'é "7'
        assert rejected(text.replace("7", "7.5")).frame_id is None


def test_half_a_surrogate_is_named_in_the_detail() -> None:
    assert "half a surrogate pair" in rejected('{"type": "sync", "data": {"\\ud83d": 1}}').problem.detail
    assert "half a surrogate pair" not in rejected('{"type": "sync", "data": {"\\ud83d\\udc4d": NaN}}').problem.detail


@given(st.text(alphabet='"\\{}[]:, \nid7u0', max_size=40))
def test_the_search_for_an_id_in_a_broken_frame_always_ends(rubbish: str) -> None:
    for text in (rubbish, f'{{"id": 7, "x": {rubbish}', f'{{"x": {rubbish}, "id": 7'):
        try:
            decode_frame(text)
        except Invalid as rejection:
            assert rejection.problem.code in ERRORS


@pytest.mark.parametrize("kind", ["message:forget", "", "Message:send", "auth", "x" * 5000])
def test_an_unknown_command_is_rejected(kind: str) -> None:
    rejection = rejected(frame(kind))
    assert (rejection.problem.code, rejection.frame_id) == ("unknown_command", 7)
    assert len(rejection.problem.detail) < 200


@given(st.binary(max_size=80))
def test_any_bytes_raise_invalid_and_nothing_else(text: bytes) -> None:
    try:
        decode(text)
    except Invalid as rejection:
        assert rejection.problem.code in ERRORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_any_data_raises_invalid_and_nothing_else(kind: str, data: st.DataObject) -> None:
    fields = msgspec.structs.fields(COMMANDS[kind])
    made = {field.name: data.draw(JSON) for field in fields if data.draw(st.booleans())}
    try:
        decode(json.dumps({"id": 7, "type": kind, "data": made}))
    except Invalid as rejection:
        assert rejection.problem.code == "validation_failed"
        assert rejection.frame_id == 7
        assert all(one["code"] in {"missing", "type", "value", "bounds"} for one in rejection.problem.errors or ())


def test_every_struct_of_a_command_is_in_the_union() -> None:
    assert set(CommandData.__subclasses__()) == set(COMMANDS.values())


def test_names_and_structs_are_one_to_one() -> None:
    assert {name: commands.NAME_OF[command] for name, command in COMMANDS.items()} == {name: name for name in COMMANDS}
