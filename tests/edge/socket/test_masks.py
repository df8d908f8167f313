"""Frames of a client have masks; the first that has none ends the line, wherever the bytes are cut."""

import itertools
import os
import random
from typing import Any

import pytest

from edge.socket.masks import MaskedFrames


class Parser:
    """Keeps what it is fed."""

    def __init__(self) -> None:
        self.fed = b""
        self.ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed += data
        return False, b""

    def feed_eof(self) -> None:
        self.ended = True


class Queue:
    def __init__(self) -> None:
        self.error: Any = None

    def set_exception(self, error: BaseException) -> None:
        self.error = error


def frame(size: int, *, mask: bool = True, first: int = 0x81) -> bytes:
    bit = 0x80 if mask else 0
    if size < 126:
        fields = bytes((first, bit | size))
    elif size < 65_536:
        fields = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        fields = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    return fields + (b"mask" if mask else b"") + os.urandom(size)


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(chance.randrange(12)))})
    return [data[low:high] for low, high in itertools.pairwise(cuts)]


SIZES = (0, 1, 5, 125, 126, 127, 1_000, 65_535, 65_536, 70_000)


@pytest.mark.parametrize("seed", range(200))
def test_masked_frames_pass_and_the_first_without_a_mask_does_not_however_they_are_cut(seed: int) -> None:
    chance, parser, queue = random.Random(seed), Parser(), Queue()
    masked = MaskedFrames(parser, queue)
    good = b"".join(frame(chance.choice(SIZES), first=chance.choice((0x81, 0x01, 0x80, 0x89))) for _ in range(6))
    assert {masked.feed_data(piece) for piece in pieces(good, chance)} == {(False, b"")}
    assert (parser.fed, queue.error) == (good, None)
    bad = frame(chance.choice(SIZES), mask=False) + frame(3)
    ends = [masked.feed_data(piece) for piece in pieces(bad, chance)]
    assert ends[-1] == (True, b"")
    assert queue.error.code == 1002
    assert len(parser.fed) <= len(good) + 1
    assert masked.feed_data(frame(3)) == (True, b"")


def test_byte_by_byte_is_the_same() -> None:
    parser, queue = Parser(), Queue()
    masked = MaskedFrames(parser, queue)
    good = b"".join(map(frame, SIZES[:7]))
    for n in range(len(good)):
        assert masked.feed_data(good[n : n + 1]) == (False, b"")
    assert (parser.fed, queue.error) == (good, None)
    masked.feed_data(b"\x81")
    assert queue.error is None
    assert masked.feed_data(b"\x02{}") == (True, b"")
    assert queue.error.code == 1002
    masked.feed_eof()
    assert parser.ended


def test_what_came_with_the_handshake_is_looked_at_and_not_read_twice() -> None:
    parser, queue = Parser(), Queue()
    masked = MaskedFrames(parser, queue)
    whole = frame(10)
    masked.check(whole[:4])
    masked.feed_data(whole[4:])
    assert (parser.fed, queue.error) == (whole[4:], None)
    masked.check(b"\x81\x02{}")
    assert queue.error.code == 1002
