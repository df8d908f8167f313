"""Frames leave out empty fields, and packed pushes are unpacked unchanged."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from schemas import bounds
from schemas.commands import COMMANDS
from schemas.wire import frames
from schemas.wire.errors import problem
from schemas.wire.frames import LANES, PUSH_OF_LANE, Hello, Push
from tests.given import CORRELATION

REJECTED = {
    "code": "not_allowed",
    "title": "Your role does not allow this",
    "detail": "only owners",
    "retry": False,
    "retry_after_ms": None,
    "errors": None,
}
ENCODED: dict[str, tuple[bytes, Any]] = {
    "ack": (
        frames.ack(7, {"level": "accepted"}, CORRELATION),
        {"id": 7, "type": "ack", "data": {"level": "accepted"}, "correlation_id": CORRELATION},
    ),
    "ack without a correlation id": (
        frames.ack("a", {}, None),
        {"id": "a", "type": "ack", "data": {}},
    ),
    "synced": (
        frames.synced(8, {"complete": True, "positions": {}}, CORRELATION),
        {
            "id": 8,
            "type": "synced",
            "data": {"complete": True, "positions": {}},
            "correlation_id": CORRELATION,
        },
    ),
    "error": (
        frames.error(None, problem("not_allowed", "only owners")),
        {"id": None, "error": REJECTED, "correlation_id": None, "type": "error", "data": None},
    ),
    "a push of a lane": (
        frames.push("message:new", {"seq": 3}, "sent", 3, CORRELATION),
        {"type": "message:new", "lane": "sent", "n": 3, "data": {"seq": 3}, "correlation_id": CORRELATION},
    ),
    "a push of no lane": (frames.push("receipt", {"seq": 3}), {"type": "receipt", "data": {"seq": 3}}),
    "going away": (
        frames.going_away(250),
        {"type": "going-away", "data": {"code": 4101, "reconnect_after_ms": 250}},
    ),
}


@pytest.mark.parametrize(("frame", "expected"), ENCODED.values(), ids=ENCODED.keys())
def test_a_frame_is_encoded(frame: bytes, expected: Any) -> None:
    assert json.loads(frame) == expected


def test_hello_has_every_limit() -> None:
    sent = json.loads(frames.hello(Hello(session="s", user_id="ann", expires_in=900, heartbeat_ms=20_000)))
    assert sent["type"] == "hello"
    assert sent["data"]["limits"] == {
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
    assert sent["data"]["protocol"] == "caas.v1"


def test_every_lane_has_a_push() -> None:
    assert PUSH_OF_LANE.keys() == set(LANES)


def largest(kind: inspect.Type) -> int:
    """Return the maximum size of a value of this type, in bytes of JSON with every possible escape."""
    match kind:
        case inspect.StrType(max_length=None):
            return 2 + 6 * len(CORRELATION)  # a pattern of its own: an id or a time
        case inspect.StrType(max_length=int() as maximum, pattern=pattern):
            return 2 + (12 if pattern is None else 6) * maximum
        case inspect.ListType(max_length=int() as maximum, item_type=item):
            return 2 + maximum * (1 + largest(item))
        case inspect.StructType(fields=fields):
            both = {"text", "ciphertext"} <= {field.encode_name for field in fields}
            skipped = "ciphertext" if both else None  # a message is either of them
            return 2 + sum(
                6 * len(field.encode_name) + 4 + largest(field.type) for field in fields if field.encode_name != skipped
            )
        case inspect.UnionType(types=types):
            return max(map(largest, types))
        case inspect.LiteralType(values=values):
            return max(2 + 6 * len(str(value)) for value in values)
        case inspect.DictType(value_type=inspect.AnyType()):
            return 6 * bounds.METADATA_BYTES
        case _:
            return len(str(-(2**53)))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "sync"])
def test_the_largest_command_fits_into_a_frame_in_any_encoding(name: str) -> None:
    key = 2 + 12 * 128
    around = len('{"id":,"type":,"data":,"correlation_id":,"retry":false}') * 6 + key + 2 * (2 + 6 * len(CORRELATION))
    assert around + largest(inspect.type_info(COMMANDS[name])) <= bounds.FRAME_BYTES


def test_a_ciphertext_is_not_larger_than_a_text() -> None:
    assert 6 * bounds.CIPHERTEXT_CHARS <= 12 * bounds.TEXT_CHARS


PUSHES = st.builds(
    Push,
    model=st.text(max_size=5),
    generation=st.integers(1, 9),
    conversation_id=st.text(max_size=5),
    frame=st.binary(max_size=20),
    lane=st.sampled_from(["", *LANES]),
    n=st.integers(0, 2**53),
    conversation_n=st.integers(0, 2**53),
    seq=st.integers(0, 2**53),
    to=st.text(max_size=5),
)


@given(st.lists(PUSHES, max_size=3))
def test_packed_pushes_are_unpacked_unchanged(pushes: list[Push]) -> None:
    assert frames.unpack_pushes(frames.pack_pushes(pushes)) == pushes


@given(st.binary(max_size=30))
def test_any_payload_gives_pushes_or_a_decode_error(payload: bytes) -> None:
    try:
        frames.unpack_pushes(payload)
    except msgspec.DecodeError:
        return


@given(st.binary())
def test_the_correlation_id_of_a_frame_is_returned_or_is_empty(rubbish: bytes) -> None:
    assert frames.correlation_of(frames.push("message:new", {}, "sent", 1, CORRELATION)) == CORRELATION
    assert frames.correlation_of(frames.push("message:new", {}, "sent", 1)) == ""
    assert isinstance(frames.correlation_of(rubbish), str)
