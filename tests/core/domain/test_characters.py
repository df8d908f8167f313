"""Visible characters, and characters that join the adjacent word, in any script."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.characters import FORMAT, MAX_FORMAT_CHARS, blank, joins, joins_after, joins_before

UNSEEN = ("", " ", "\n\t", "\x00", "\u00a0", "\u00ad", "\u034f", "\u115f", "\u200b", "\u200d", "\u200f", "\u2028")
UNSEEN += ("\u2060", "\u2066", "\u2800", "\u3000", "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\U000e0061", "\x85\x9f")
SEEN = ("a", "0", ".", "é", "\u0301", "你", "ก", "ี", "ע", "ش", "👍", "👩\u200d👧", "\u20e3", "\ufffc", "\U0001fadf")


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_invisible_text_is_blank(text: str) -> None:
    assert blank(text)
    assert blank(text * 7)


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_visible_text_is_not_blank(text: str) -> None:
    assert not blank(text)
    assert not blank(f"\u200b\x00 {text}\u2060")


@given(st.lists(st.sampled_from(UNSEEN)).map("".join), st.text())
def test_invisible_characters_keep_a_text_blank(unseen: str, text: str) -> None:
    assert blank(unseen)
    assert blank(unseen + text) == blank(text) == blank(text + unseen)


def test_letters_digits_and_punctuation_of_all_scripts_are_visible() -> None:
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x17B5}
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] in "LNP" and point not in fillers:
            assert not blank(chr(point)), hex(point)


def test_format_characters_without_a_sign_are_blank() -> None:
    signs = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point)) in {"Cf", "Cc", "Zs", "Zl", "Zp"} and point not in signs:
            assert blank(chr(point)), hex(point)


@pytest.mark.parametrize("character", "aZ0éñßжЖωאشही\uff10\uff21\u0301²", ids=ascii)
def test_letters_digits_and_marks_join(character: str) -> None:
    assert joins(character)


@pytest.mark.parametrize("character", " .,!-_@\n\x00👍🏽\u20e3你々がカกีເខမ한\u3099", ids=ascii)
def test_standalone_characters_do_not_join(character: str) -> None:
    assert not joins(character)


@given(st.text(min_size=1), st.text(st.sampled_from("\u200d\ufe0f\u200f\u2060"), max_size=MAX_FORMAT_CHARS))
def test_format_characters_are_skipped(text: str, between: str) -> None:
    if not re.match(f"[{FORMAT}]", text[0]):
        assert joins_after(between + text, 0) == joins_after(text, 0)
    if not re.match(f"[{FORMAT}]", text[-1]):
        whole = text + between
        assert joins_before(whole, len(whole)) == joins_before(text, len(text))


def test_too_many_format_characters_join() -> None:
    many = "\u200d" * (MAX_FORMAT_CHARS + 1)
    assert joins_after(many + ".", 0)
    assert joins_before("." + many, len(many) + 1)
    assert not joins_after(many[:-1], 0)
    assert not joins_before(many[:-1], len(many) - 1)
