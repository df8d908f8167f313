"""What is one emoji: sequences, flags, keycaps and skin tones are; what looks alike is one and the same."""

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
def test_what_unicode_lists_and_a_name_are_emoji(emoji: str) -> None:
    assert written(emoji) == emoji


@pytest.mark.parametrize(
    "text", ["", "x", "1", "lol", "👍👍", "👍x", " 👍", "🇩", "👍‍👍", "\ufe0f", "::", ":a b:", ":a", ":é:", "é"]
)
def test_nothing_else_is(text: str) -> None:
    assert written(text) is None


def test_every_emoji_has_one_full_way_of_writing_and_fits_the_bound() -> None:
    most = Emoji.__metadata__[0].max_length  # type: ignore[attr-defined]
    for emoji in EMOJI:
        full = written(emoji)
        assert full is not None
        assert look(full) == look(emoji)
        assert written(full) == full
        assert len(full) <= most


@for_all(st.sampled_from(EMOJI), st.lists(st.tuples(st.integers(0, 10), st.sampled_from("\ufe0e\ufe0f"))))
def test_selectors_wherever_they_stand_make_no_other_emoji(emoji: str, more: list[tuple[int, str]]) -> None:
    other = emoji
    for place, selector in more:
        other = other[:place] + selector + other[place:]
    assert written(other) == written(emoji)


@for_all(st.text())
def test_a_look_is_a_function_of_what_is_seen(text: str) -> None:
    assert look(look(text)) == look(text)
    assert look(unicodedata.normalize("NFD", text)) == look(text)
