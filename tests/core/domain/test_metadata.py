"""Metadata is kept as clients gave it, within bounds."""

from typing import Any

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.decision import Rejected
from core.domain.metadata import DEEP, check, of_text, text_of
from schemas.bounds import METADATA_BYTES
from schemas.events import TYPE_OF, ConversationChanged
from schemas.events.upcast import decode
from tests.core.domain.test_conversation import changed, created, fold

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
OBJECTS = st.dictionaries(
    st.text(), st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
)


@for_all(OBJECTS)
def test_what_was_given_comes_back(metadata: dict[str, Any]) -> None:
    assert of_text(text_of(metadata)) == (metadata or None)


def test_the_same_in_another_order_is_the_same() -> None:
    assert text_of({"b": {"d": 1, "c": 2}, "a": 3}) == text_of({"a": 3, "b": {"c": 2, "d": 1}})


def test_none_and_an_empty_object_are_none() -> None:
    assert (text_of(None), text_of({}), of_text(None)) == (None, None, None)
    check(None)
    check({})


def test_it_is_measured_in_bytes_as_json() -> None:
    check({"a": "x" * (METADATA_BYTES - 8)})
    with pytest.raises(Rejected):
        check({"a": "x" * (METADATA_BYTES - 7)})
    with pytest.raises(Rejected):
        check({"a": "ü" * (METADATA_BYTES // 2)})


def nested(deep: int) -> dict[str, Any]:
    """So many objects in each other."""
    found: dict[str, Any] = {}
    for _ in range(deep - 1):
        found = {"a": found}
    return found


def test_it_is_only_so_deep() -> None:
    check(nested(DEEP))
    with pytest.raises(Rejected) as no:
        check(nested(DEEP + 1))
    assert no.value.errors == (("/data/metadata", "bounds"),)


@pytest.mark.parametrize(
    "metadata",
    [{"a": [1] * METADATA_BYTES}, {f"{n}": {} for n in range(METADATA_BYTES)}, {"a": [[{}] * 99] * 99}, nested(1_500)],
    ids=["wide", "many", "bushy", "deep"],
)
def test_what_is_far_too_large_or_deep_is_refused_without_being_looked_through(metadata: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as no:
        check(metadata)
    assert no.value.errors == (("/data/metadata", "bounds"),)


HUGE = 10**4_049


@pytest.mark.parametrize("number", [2**53, -(2**53), 2.0**60, -0.0, 1e308, True])
def test_numbers_that_every_reader_keeps_are_kept(number: float) -> None:
    check({"a": [{"b": number}]})
    assert of_text(text_of({"a": number})) == {"a": number}


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64, HUGE, -HUGE], ids=lambda n: f"{len(str(n))} digits")
def test_whole_numbers_that_some_reader_would_change_are_refused(number: int) -> None:
    for metadata in ({"a": number}, {"a": [{"b": [number]}]}):
        with pytest.raises(Rejected, match="whole number") as no:
            check(metadata)
        assert (no.value.code, no.value.errors) == ("validation_failed", (("/data/metadata", "bounds"),))


def test_numbers_that_an_older_log_has_are_read_as_before() -> None:
    event = decode(TYPE_OF[ConversationChanged], msgspec.json.encode(changed(metadata={"a": HUGE})))
    assert isinstance(event, ConversationChanged)
    state = fold(created(), event)
    assert of_text(state.metadata) == {"a": HUGE}
