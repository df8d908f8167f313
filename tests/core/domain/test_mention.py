"""A member is mentioned by `@` and the longest matching user id, without final punctuation."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.characters import joins
from core.domain.mention import MAX_AT_SIGNS, MAX_TRIES, in_text, mentions
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
        ("@ann.jones", []),
        ("@bob@x.org", ["bob@x.org"]),
        ("@bob@ann", []),
        ("@bob.@ann", ["ann"]),
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
def test_text_mentions_members(text: str, found: list[str]) -> None:
    assert named(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@ann_smith", []),
        ("@ann-smith", []),
        ("@ann~1", []),
        ("@ann@example.org", []),
        ("@ann.é", []),
        ("@anné", []),
        ("@ann\u0301", []),
        ("@annж", []),
        ("@annש", []),
        ("@annش", []),
        ("@annह", []),
        ("@ann\u200dlee", []),
        ("@ann\u2060é", []),
        ("@ann\u200b-lee", ["ann"]),
        ("@ann你好", ["ann"]),
        ("@annさん、", ["ann"]),
        ("@annครับ", ["ann"]),
        ("@ann님", ["ann"]),
        ("@ann.你好", ["ann"]),
        ("@ann👍🏽", ["ann"]),
        ("@ann\ufe0f!", ["ann"]),
        ("\u2068@ann\u2069 سلام", ["ann"]),
        ("\u200f@ann\u200f", ["ann"]),
        ("@ann\x00lee", ["ann"]),
        ("@ann\u2019s", ["ann"]),
        ("josé@ann", []),
        ("jose\u0301@ann", []),
        ("иван@ann", []),
        ("हिन्दी@ann", []),
        ("é\u200d@ann", []),
        ("สวัสดี@ann", ["ann"]),
        ("が@ann", ["ann"]),
        ("❤\ufe0f@ann", ["ann"]),
        ("1\ufe0f\u20e3@ann", ["ann"]),
        ("\x00@ann", ["ann"]),
    ],
    ids=ascii,
)
def test_name_continued_by_a_letter_is_another(text: str, found: list[str]) -> None:
    assert named(text) == found


def test_former_member_is_not_mentioned_as_a_member_with_a_prefix_of_their_id() -> None:
    assert mentions("@ann.lee", (), {"ann", "ann.lee"}.__contains__) == ["ann.lee"]
    assert mentions("@ann.lee", (), {"ann"}.__contains__) == []
    assert mentions("@renée", (), {"ren"}.__contains__) == []


def test_longest_user_id_is_found() -> None:
    longest = "a" * 128
    assert list(in_text(f"@{longest}", {longest}.__contains__)) == [longest]
    assert list(in_text(f"@{longest}.", {longest}.__contains__)) == [longest]
    assert list(in_text(f"@{longest}a", {longest}.__contains__)) == []


LETTERS = st.characters(categories=["Ll", "Lu", "Lo", "Nd"]).filter(joins)


@given(st.sampled_from(["ann", "bob", "c"]), st.text(st.sampled_from("_.-"), max_size=3), LETTERS, st.text())
def test_name_followed_by_a_letter_or_digit_mentions_nobody(name: str, join: str, letter: str, after: str) -> None:
    text = f"@{name}{join}{letter}{after.replace('@', '')}"
    assert named(text) in ([], ["ann.smith"])


IDS = st.text(st.sampled_from("ab1_.@+=~-"), min_size=1, max_size=8)
AROUND = st.text(st.sampled_from("ab1_.@+=~- ,!é你"), max_size=12)


@given(IDS, AROUND, st.sampled_from(["", " ", ", ", "!", "\n", "你"]), st.text())
def test_mentioned_member_is_found(user: str, before: str, end: str, after: str) -> None:
    """With text before the name that is no part of a name, and text after it that does not continue it."""
    text = f"{before} @{user}{end}{after if end else ''}"
    assert user in mentions(text, (), {user}.__contains__)


@given(st.sets(IDS), AROUND)
def test_only_members_in_the_text_are_found(people: set[str], text: str) -> None:
    for user in in_text(text, people.__contains__):
        assert user in people
        assert f"@{user}" in text


@given(st.lists(IDS), st.sets(IDS), AROUND)
def test_mentions_are_sorted_unique_and_present(asked: list[str], people: set[str], text: str) -> None:
    found = mentions(text, asked, people.__contains__)
    assert found == sorted(set(found))
    assert set(found) <= people
    assert set(found) >= set(asked) & people
    assert len(found) <= MENTIONS


HOSTILE = ("@", "@a-", "-@", "@ ", "a@", "é@a", "\u200d@a", "@a\u200d", "@c ", "@a👍", "ดี@a ", "e\u0301@a ")
MS = 0.001


@pytest.mark.alone
@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
def test_text_of_at_signs_is_searched_fast(part: str) -> None:
    text, took = (part * TEXT_CHARS)[:TEXT_CHARS], []
    for _ in range(20):
        began = time.process_time()
        mentions(text, (), PEOPLE.__contains__)
        took.append(time.process_time() - began)
    assert min(took) < 4 * MS


def test_number_of_at_signs_and_names_is_limited() -> None:
    assert named("@x " * MAX_AT_SIGNS + "@ann") == []
    assert named("@x " * (MAX_AT_SIGNS - 1) + "@ann") == ["ann"]
    dots = "@" + "." * 50 + " "
    assert named(dots * (MAX_TRIES // 50 - 1) + "@ann") == ["ann"]
    assert named(dots * (MAX_TRIES // 50) + "@ann") == []
