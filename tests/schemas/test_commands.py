"""What is no command is told so: by one code, and where it can be said, by the place that is wrong."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import commands
from schemas.bounds import CIPHERTEXT_CHARS, FRAME_VALUES, TEXT_CHARS
from schemas.commands import COMMANDS, SendMessage
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


def refused(text: str | bytes) -> Invalid:
    with pytest.raises(Invalid) as found:
        decode(text)
    return found.value


def test_a_command_comes_with_what_is_around_it() -> None:
    got = decode_frame(frame(correlation_id=CORRELATION, retry=True))
    assert (got.id, got.correlation_id, got.retry) == (7, CORRELATION, True)
    assert decode_command(got) == SendMessage(**SEND)


@pytest.mark.parametrize("text", ["x", "x" * TEXT_CHARS, "👋" * TEXT_CHARS, " ", "\x00"], ids=len)
def test_a_text_of_one_to_twenty_thousand_characters_is_one(text: str) -> None:
    assert decode(send(text=text)) == SendMessage(**{**SEND, "text": text})


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert decode(send(colour="red")) == SendMessage(**SEND)


def test_of_a_key_that_stands_there_twice_the_last_counts() -> None:
    twice = '{"type": "x", "type": "conversation:list", "data": {"limit": 5, "limit": 6}}'
    assert decode(twice) == ListConversations(limit=6)


@pytest.mark.parametrize("text", ["," * TEXT_CHARS, "[" * TEXT_CHARS, "{" * TEXT_CHARS], ids=ascii)
def test_a_text_of_brackets_is_no_crowd_of_values(text: str) -> None:
    more = {"metadata": {"a": "\u0001" * 600, "b": [[]] * 150}, "mentions": ["a,".replace(",", "")] * 50}
    assert decode(send(text=text, **more)).text == text  # type: ignore[union-attr]
    assert decode(send(text=None, ciphertext=text * 2, **more)).ciphertext == (text * 2)[:CIPHERTEXT_CHARS]  # type: ignore[union-attr]


def test_a_sync_from_nowhere_is_one() -> None:
    assert decode(frame("sync", {"positions": {}})) == Sync(positions={})


WRONG_FIELDS = {
    "no text": (send(text=""), "/data/text", "bounds"),
    "too long a text": (send(text="x" * (TEXT_CHARS + 1)), "/data/text", "bounds"),
    "a text that is none": (send(text=3), "/data/text", "type"),
    "null for a client key": (send(client_msg_id=None), "/data/client_msg_id", "type"),
    "a ciphertext that is no ASCII": (send(text=None, ciphertext="ü"), "/data/ciphertext", "value"),
    "a number beyond all": (
        send(metadata={"a": 1}).replace('{"a": 1}', '{"a": 1e400}'),
        "/data/metadata/...",
        "bounds",
    ),
    "a number of 4,400 digits": (
        send(metadata={"a": 1}).replace('{"a": 1}', '{"a": ' + "1" * 4_400 + "}"),
        "/data/metadata/...",
        "bounds",
    ),
    "a crowd of values": (send(metadata={"a": [[]] * FRAME_VALUES}), "/data", "bounds"),
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
    "a kind that there is not": (frame("conversation:create", {"kind": "club"}), "/data/kind", "value"),
    "a user id with a space": (
        frame("conversation:create", {"participants": ["ann", "b ob"]}),
        "/data/participants/1",
        "value",
    ),
    "nobody to add": (
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
    "a correlation id that is no UUID": (frame(correlation_id="mine"), "/correlation_id", "value"),
    "a retry that is a word": (frame(retry="yes"), "/retry", "type"),
}


@pytest.mark.parametrize(("text", "pointer", "code"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named(text: str, pointer: str, code: str) -> None:
    no = refused(text)
    assert no.problem.code == "validation_failed"
    assert no.problem.errors == [{"pointer": pointer, "code": code}]
    assert no.problem.detail
    assert no.frame_id == 7


@pytest.mark.parametrize("frame_id", [1.5, True, [], {}, 2**53 + 1, 10**30, "i" * 129], ids=repr)
def test_an_id_that_a_reply_could_not_carry_is_none(frame_id: Any) -> None:
    no = refused(json.dumps({"id": frame_id, "type": "sync", "data": {"positions": {}}}))
    assert no.problem.errors is not None
    assert no.problem.errors[0]["pointer"] == "/id"
    assert no.frame_id is None


DEEP = "[" * 30_000 + "]" * 30_000
NO_FRAMES: dict[str, str | bytes] = {
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


@pytest.mark.parametrize("text", NO_FRAMES.values(), ids=NO_FRAMES.keys())
def test_what_is_no_frame_is_told_so(text: str | bytes) -> None:
    assert refused(text).problem.code == "invalid_json"


def test_the_id_is_told_also_where_the_rest_is_wrong() -> None:
    assert refused('{"type": 3, "id": "seven"}').frame_id == "seven"
    assert refused('{"type": 3, "id": ' + DEEP + "}").frame_id is None


BROKEN = {
    "a key with half a surrogate": '{"\\ud800": 1}',
    "the other half": '{"a": "\\udc00"}',
    "nested 1,500 deep": "[" * 1_500 + "]" * 1_500,
    "nested without end": DEEP,
    "not a number": '{"a": NaN}',
    "beyond all numbers": '{"a": -Infinity}',
    "quotes and brackets in a text": '{"a": "\\"]}{[,\\\\", "b": "\\ud800"}',
    "a control character": '"a\x00b"',
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_the_id_of_a_frame_that_nobody_can_read_as_a_whole_is_told(data: str) -> None:
    for text in (
        f'{{"id": 7, "type": "sync", "data": {data}}}',
        f'{{"type": "sync", "data": {data}, "id": 7}}',
        f'{{"type": "sync", "id": 3, "data": {{"id": 4, "x": {data}}}, "\\u0069d" : 7 , "more": {data}}}',
        f'{{"id": 7, "type": "sync", "data": {data}',
    ):
        no = refused(text)
        assert (no.problem.code, no.frame_id) == ("invalid_json", 7)
        assert refused(text.replace("7", '"\\u00e9 \\"7"')).frame_id == 'é "7'
        assert refused(text.replace("7", "7.5")).frame_id is None


def test_half_a_surrogate_is_called_that() -> None:
    assert "half a surrogate pair" in refused('{"type": "sync", "data": {"\\ud83d": 1}}').problem.detail
    assert "half a surrogate pair" not in refused('{"type": "sync", "data": {"\\ud83d\\udc4d": NaN}}').problem.detail


@given(st.text(alphabet='"\\{}[]:, \nid7u0', max_size=40))
def test_looking_for_the_id_of_a_broken_frame_ends_with_one_or_without(rubbish: str) -> None:
    for text in (rubbish, f'{{"id": 7, "x": {rubbish}', f'{{"x": {rubbish}, "id": 7'):
        try:
            decode_frame(text)
        except Invalid as no:
            assert no.problem.code in ERRORS


@pytest.mark.parametrize("kind", ["message:forget", "", "Message:send", "auth", "x" * 5000])
def test_a_command_that_there_is_not_is_told_so(kind: str) -> None:
    no = refused(frame(kind))
    assert (no.problem.code, no.frame_id) == ("unknown_command", 7)
    assert len(no.problem.detail) < 200


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    try:
        decode(text)
    except Invalid as no:
        assert no.problem.code in ERRORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_no_data_raises_anything_else(kind: str, data: st.DataObject) -> None:
    fields = msgspec.structs.fields(COMMANDS[kind])
    made = {field.name: data.draw(JSON) for field in fields if data.draw(st.booleans())}
    try:
        decode(json.dumps({"id": 7, "type": kind, "data": made}))
    except Invalid as no:
        assert no.problem.code == "validation_failed"
        assert no.frame_id == 7
        assert all(one["code"] in {"missing", "type", "value", "bounds"} for one in no.problem.errors or ())


def test_names_and_structs_are_one_to_one() -> None:
    assert {name: commands.NAME_OF[command] for name, command in COMMANDS.items()} == {name: name for name in COMMANDS}
