"""Views have positions in lanes, never positions in the log: a log may be replaced."""

import re
from typing import get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.commands import ANSWER_OF, COMMANDS
from schemas.commands.queries import Sync
from schemas.wire import request, views
from schemas.wire.answers import Synced
from schemas.wire.frames import LANES, Lane
from tests.schemas.structs import structs

OF_THE_LOG = re.compile(r"offset|position|^pos$|partition|epoch|^topic$")
VECTORS = {(Sync, "positions"), (Synced, "positions")}
"""Lane numbers, as the test below shows."""
INSIDE = {"Record", "TraceRecord"}
"""A record of the log is not a payload: it names its topic. A trace is for operators, not for clients."""


def test_payloads_frames_and_views_have_no_position_in_the_log() -> None:
    found = {
        (struct, field)
        for struct in structs()
        if struct.__name__ not in INSIDE
        for field in struct.__struct_encode_fields__
        if OF_THE_LOG.search(field)
    }
    assert found == VECTORS


def test_the_walk_finds_all_kinds_of_structs() -> None:
    walked = set(structs())
    assert walked >= {*events.TOPIC_OF, *COMMANDS.values(), *ANSWER_OF.values(), views.ReceiptView, request.Frame}


def test_a_clients_positions_are_lane_numbers() -> None:
    assert set(get_args(Lane)) == set(LANES)
    kind = next(field.type for field in msgspec.structs.fields(Synced) if field.name == "positions")
    (_, lanes) = get_args(kind)
    assert (get_origin(kind), get_origin(lanes)) == (dict, dict)


@given(st.dictionaries(st.sampled_from(LANES), st.integers(0, 2**53), max_size=4))
def test_a_sync_accepts_the_positions_of_synced(lanes: dict[Lane, int]) -> None:
    room = "6f1d1f8a-0000-5000-8000-000000000001"
    answered = msgspec.json.encode(Synced(complete=False, positions={room: lanes}))
    asked = msgspec.json.decode(answered, type=Sync)
    assert asked.positions == {room: lanes}


@pytest.mark.parametrize("struct", sorted(structs(), key=str), ids=str)
def test_public_structs_are_frozen_and_documented(struct: type[msgspec.Struct]) -> None:
    if not struct.__name__.startswith("_"):
        assert struct.__struct_config__.frozen
        assert struct.__doc__
