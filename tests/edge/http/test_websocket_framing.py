"""Frames are refused by their header, wherever the bytes are cut: unmasked ones, and too many small ones."""

import itertools
import os
import random

import pytest

from edge.http.websocket_framing import (
    CONTROL_FLOOD,
    CONTROL_PACE,
    FRAGMENT_FLOOD,
    FRAGMENT_PACE,
    SMALL,
    UNMASKED,
    Framing,
    Refused,
)
from schemas.bounds import FRAME_BYTES


class Parser:
    """A parser that keeps what it is fed."""

    def __init__(self) -> None:
        self.fed = b""
        self.ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed += data
        return False, b""

    def feed_eof(self) -> None:
        self.ended = True


class Read:
    """A parser behind its framing, whose clock stands still, and the causes of refusals."""

    def __init__(self) -> None:
        self.parser = Parser()
        self.refused: list[Refused] = []
        self.framing = Framing(self.parser, self.refused.append, lambda: 1.0)

    def feed(self, *pieces: bytes) -> list[tuple[bool, bytes]]:
        return [self.framing.feed_data(piece) for piece in pieces]


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
async def test_first_unmasked_frame_is_refused_however_bytes_are_cut(seed: int) -> None:
    chance, read = random.Random(seed), Read()
    good = b"".join(frame(chance.choice(SIZES), first=chance.choice((0x81, 0x01, 0x80, 0x89))) for _ in range(6))
    assert set(read.feed(*pieces(good, chance))) == {(False, b"")}
    assert (read.parser.fed, read.refused) == (good, [])
    bad = frame(chance.choice(SIZES), mask=False) + frame(3)
    ends = read.feed(*pieces(bad, chance))
    assert ends[-1] == (True, b"")
    assert len(read.parser.fed) <= len(good) + 1
    assert read.feed(frame(3)) == [(True, b"")]
    assert read.refused == [UNMASKED]


async def test_unmasked_frame_is_refused_byte_by_byte() -> None:
    read = Read()
    good = b"".join(map(frame, SIZES[:7]))
    assert set(read.feed(*(good[n : n + 1] for n in range(len(good))))) == {(False, b"")}
    assert (read.parser.fed, read.refused) == (good, [])
    assert read.feed(b"\x81") == [(False, b"")]
    assert read.feed(b"\x02{}") == [(True, b"")]
    assert read.refused == [UNMASKED]
    read.framing.feed_eof()
    assert read.parser.ended


EMPTY = {"ping": 0x89, "pong": 0x8A, "close": 0x88, "begins": 0x01, "goes on": 0x00, "ends": 0x80}


@pytest.mark.parametrize("first", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("seed", range(5))
async def test_small_frames_are_parsed_up_to_the_limit(first: int, seed: int) -> None:
    control = bool(first & 8)
    burst = (CONTROL_PACE if control else FRAGMENT_PACE).burst
    chance, read = random.Random(seed), Read()
    good = b"".join(frame(chance.randrange(126 if control else SMALL), first=first) for _ in range(burst))
    read.feed(*pieces(good, chance))
    assert (read.parser.fed, read.refused) == (good, [])
    assert read.feed(frame(0, first=first) * 2)[-1] == (True, b"")
    assert (read.parser.fed, read.refused) == (good, [CONTROL_FLOOD if control else FRAGMENT_FLOOD])


async def test_flood_in_one_piece_is_checked_up_to_the_limit() -> None:
    read = Read()
    assert read.feed(frame(0, first=0x89) * 100_000) == [(True, b"")]
    assert read.refused == [CONTROL_FLOOD]
    assert read.parser.fed == b""


async def test_whole_messages_and_large_fragments_are_not_limited() -> None:
    read = Read()
    message = frame(SMALL, first=0x01) + frame(SMALL, first=0x00) * (FRAME_BYTES // SMALL) + frame(SMALL, first=0x80)
    some = (message + frame(0, first=0x81) + frame(3, first=0x82)) * 20
    assert read.feed(some) == [(False, b"")]
    assert (read.parser.fed, read.refused) == (some, [])
