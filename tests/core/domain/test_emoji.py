"""Sequences, flags, keycaps and skin tones are single emoji; equal-looking emoji are equal."""

import unicodedata

import pytest
from emoji import EMOJI_DATA
from hypothesis import given as for_all
from hypothesis import strategies as st

from core.domain.emoji import look, written
from schemas.bounds import Emoji

EMOJI = sorted(EMOJI_DATA)


@pytest.mark.parametrize(
    "emoji", ["👍", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "#️⃣", "❤️", "©️", "⛹🏽‍♂️", ":party_parrot:", ":+1:"]
)
def test_emoji_are_those_of_unicode_and_names(emoji: str) -> None:
    assert written(emoji) == emoji


@pytest.mark.parametrize(
    "text", ["", "x", "1", "lol", "👍👍", "👍x", " 👍", "🇩", "👍‍👍", "\ufe0f", "::", ":a b:", ":a", ":é:", "é"]
)
def test_other_texts_are_no_emoji(text: str) -> None:
    assert written(text) is None


def test_every_emoji_has_one_full_form_within_the_bound() -> None:
    most = Emoji.__metadata__[0].max_length  # type: ignore[attr-defined]
    for emoji in EMOJI:
        full = written(emoji)
        assert full is not None
        assert look(full) == look(emoji)
        assert written(full) == full
        assert len(full) <= most


@for_all(st.sampled_from(EMOJI), st.lists(st.tuples(st.integers(0, 10), st.sampled_from("\ufe0e\ufe0f"))))
def test_selectors_do_not_make_another_emoji(emoji: str, more: list[tuple[int, str]]) -> None:
    other = emoji
    for place, selector in more:
        other = other[:place] + selector + other[place:]
    assert written(other) == written(emoji)


@for_all(st.text())
def test_look_depends_only_on_the_visible_form(text: str) -> None:
    assert look(look(text)) == look(text)
    assert look(unicodedata.normalize("NFD", text)) == look(text)
