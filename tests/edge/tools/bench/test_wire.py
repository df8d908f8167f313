from hypothesis import given
from hypothesis import strategies as st

from edge.tools.bench import wire
from schemas.commands.message import SendMessage
from schemas.wire.request import decode_command, decode_frame

ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


def unmasked(frame: bytes) -> tuple[bytes, bytes]:
    """Return the payload of a client's frame, and the bytes after it."""
    length, start = frame[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
    mask, body = frame[start : start + 4], frame[start + 4 : start + 4 + length]
    return bytes(b ^ mask[n % 4] for n, b in enumerate(body)), frame[start + 4 + length :]


def test_frames_of_a_sender_are_commands_with_different_keys() -> None:
    rest = wire.Sends(ROOM, "run-0", 200).more(3)
    keys = []
    while rest:
        assert rest[0] == 0x81
        assert rest[1] & 0x80
        payload, rest = unmasked(rest)
        frame = decode_frame(payload)
        command = decode_command(frame)
        assert isinstance(command, SendMessage)
        assert len(command.text) == 200
        keys.append((frame.id, command.client_msg_id))
    assert len(set(keys)) == 3


def test_percent_sign_in_a_run_name_is_kept() -> None:
    payload, _ = unmasked(wire.Sends(ROOM, "100%", 1).more(1))
    assert b'"100%-10000000"' in payload


@given(st.integers(0, 5), st.lists(st.integers(1, 7), max_size=40))
def test_marks_are_counted_however_the_bytes_are_cut(count: int, cuts: list[int]) -> None:
    stream = (b'{"id":1,' + wire.ACK + b"}") * count + b'{"type":"receipt"}'
    marks = wire.Marks(wire.ACK)
    for cut in cuts:
        marks.count(stream[:cut])
        stream = stream[cut:]
    marks.count(stream)
    assert marks.seen == count
