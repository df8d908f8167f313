"""Metadata is kept unchanged, within bounds."""

from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.decision import Rejected
from core.domain.metadata import MAX_DEPTH, check, of_text, text_of
from schemas.bounds import METADATA_BYTES
from schemas.events import TYPE_OF, ConversationChanged
from schemas.events.upcast import decode
from tests.core.domain.test_conversation import changed, created, fold

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
OBJECTS = st.dictionaries(
    st.text(), st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
)


@for_all(OBJECTS)
def test_metadata_round_trips(metadata: dict[str, Any]) -> None:
    assert of_text(text_of(metadata)) == (metadata or None)


def test_key_order_does_not_matter() -> None:
    assert text_of({"b": {"d": 1, "c": 2}, "a": 3}) == text_of({"a": 3, "b": {"c": 2, "d": 1}})


def test_none_and_an_empty_object_are_none() -> None:
    assert (text_of(None), text_of({}), of_text(None)) == (None, None, None)
    check(None)
    check({})


def test_size_is_measured_in_bytes_of_json() -> None:
    check({"a": "x" * (METADATA_BYTES - 8)})
    with pytest.raises(Rejected):
        check({"a": "x" * (METADATA_BYTES - 7)})
    with pytest.raises(Rejected):
        check({"a": "ü" * (METADATA_BYTES // 2)})


def nested(deep: int) -> dict[str, Any]:
    """Return objects nested to this depth."""
    found: dict[str, Any] = {}
    for _ in range(deep - 1):
        found = {"a": found}
    return found


def test_depth_is_limited() -> None:
    check(nested(MAX_DEPTH))
    with pytest.raises(Rejected) as rejection:
        check(nested(MAX_DEPTH + 1))
    assert rejection.value.errors == (("/data/metadata", "bounds"),)


@pytest.mark.parametrize(
    "metadata",
    [{"a": [1] * METADATA_BYTES}, {f"{n}": {} for n in range(METADATA_BYTES)}, {"a": [[{}] * 99] * 99}, nested(1_500)],
    ids=["wide", "many", "bushy", "deep"],
)
def test_far_too_large_or_deep_metadata_is_rejected_fast(metadata: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as rejection:
        check(metadata)
    assert rejection.value.errors == (("/data/metadata", "bounds"),)


HUGE = 10**4_049


@pytest.mark.parametrize("number", [2**53, -(2**53), 2.0**60, -0.0, 1e308, True])
def test_exact_numbers_are_accepted(number: float) -> None:
    check({"a": [{"b": number}]})
    assert of_text(text_of({"a": number})) == {"a": number}


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64, HUGE, -HUGE], ids=lambda n: f"{len(str(n))} digits")
def test_inexact_integers_are_rejected(number: int) -> None:
    for metadata in ({"a": number}, {"a": [{"b": [number]}]}):
        with pytest.raises(Rejected, match="whole number") as rejection:
            check(metadata)
        assert (rejection.value.code, rejection.value.errors) == ("validation_failed", (("/data/metadata", "bounds"),))


def test_numbers_of_an_older_log_are_read_unchanged() -> None:
    event = decode(TYPE_OF[ConversationChanged], msgspec.json.encode(changed(metadata={"a": HUGE})))
    assert isinstance(event, ConversationChanged)
    state = fold(created(), event)
    assert of_text(state.metadata) == {"a": HUGE}
