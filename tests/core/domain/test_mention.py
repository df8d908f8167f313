"""A member is mentioned by `@` and the user id; the longest that is one, and no punctuation after it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.mention import LOOKED_AT, in_text, mentions
from schemas.bounds import MENTIONS, TEXT_CHARS

PEOPLE = {"ann", "ann.smith", "bob", "bob@x.org", "c", "dee-", "名"}


def named(text: str) -> list[str]:
    return list(in_text(text, PEOPLE.__contains__))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@ann", ["ann"]),
        ("hi @ann!", ["ann"]),
        ("@ann, @bob: (@c)", ["ann", "bob", "c"]),
        ("@ann.", ["ann"]),
        ("@ann... or @bob?", ["ann", "bob"]),
        ("@ann.smith", ["ann.smith"]),
        ("@ann.smith.", ["ann.smith"]),
        ("@ann.jones", ["ann"]),
        ("@bob@x.org", ["bob@x.org"]),
        ("@bob@ann", ["bob"]),
        ("@dee-", ["dee-"]),
        ("@dee", []),
        ("@annabel", []),
        ("@c3", []),
        ("ann@bob", []),
        ("mail x@ann.smith", []),
        ("你好@ann你好", ["ann"]),
        ("@@ann", ["ann"]),
        ("@ ann", []),
        ("@", []),
        ("ann", []),
        ("@名", []),
        ("@ANN", []),
        ("*@ann*", ["ann"]),
        ("_@ann_", ["ann"]),
        ("@" + "a" * 300, []),
    ],
)
def test_whom_a_text_names(text: str, found: list[str]) -> None:
    assert named(text) == found


def test_the_longest_user_id_is_found_and_one_longer_is_another() -> None:
    longest = "a" * 128
    assert list(in_text(f"@{longest}", {longest}.__contains__)) == [longest]
    assert list(in_text(f"@{longest}.", {longest}.__contains__)) == [longest]
    assert list(in_text(f"@{longest}a", {longest}.__contains__)) == []


IDS = st.text(st.sampled_from("ab1_.@+=~-"), min_size=1, max_size=8)
AROUND = st.text(st.sampled_from("ab1_.@+=~- ,!é你"), max_size=12)


@given(IDS, AROUND, st.sampled_from(["", " ", ", ", "!", "\n", "你"]), st.text())
def test_a_member_that_is_named_is_found(user: str, before: str, end: str, after: str) -> None:
    """Where something stands before the name that is no part of another, and something after that is none of it."""
    text = f"{before} @{user}{end}{after if end else ''}"
    assert user in mentions(text, (), {user}.__contains__)


@given(st.sets(IDS), AROUND)
def test_who_is_found_is_a_member_that_the_text_names(people: set[str], text: str) -> None:
    for user in in_text(text, people.__contains__):
        assert user in people
        assert f"@{user}" in text


@given(st.lists(IDS), st.sets(IDS), AROUND)
def test_mentions_are_sorted_single_and_present(asked: list[str], people: set[str], text: str) -> None:
    found = mentions(text, asked, people.__contains__)
    assert found == sorted(set(found))
    assert set(found) <= people
    assert set(found) >= set(asked) & people
    assert len(found) <= MENTIONS


def test_a_text_of_at_signs_keeps_nobody_waiting() -> None:
    began = time.perf_counter()
    for text in ("@" * TEXT_CHARS, "@a-" * (TEXT_CHARS // 3), "-@" * (TEXT_CHARS // 2)):
        assert list(in_text(text, PEOPLE.__contains__)) == []
    assert time.perf_counter() - began < 1
    assert named("@x " * LOOKED_AT + "@ann") == []
    assert named("@x " * (LOOKED_AT - 1) + "@ann") == ["ann"]
