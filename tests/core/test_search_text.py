"""The queries that find a text, in every script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search_text import MAX_CHARS, TOKEN_CHARS, normalised, tokens, wanted
from schemas.bounds import TEXT_CHARS
from tests.contracts.search_texts import TEXTS, Case


@pytest.mark.parametrize("case", TEXTS, ids=[f"{n}-{case.script}" for n, case in enumerate(TEXTS)])
def test_text_is_found_by_its_parts_and_not_by_similar_ones(case: Case) -> None:
    for query in case.finds:
        assert wanted(query).is_in(case.text), query
        assert set(wanted(query).tokens) <= set(tokens(case.text)), query
    for query in case.misses:
        assert not wanted(query).is_in(case.text), query


def test_samples_have_sixty_texts_in_fifteen_scripts() -> None:
    assert len(TEXTS) >= 60
    assert len({case.script for case in TEXTS} - {"Emoji"}) >= 15


def test_signs_must_be_adjacent() -> None:
    assert set(wanted("上海东").tokens) <= set(tokens("上海。海东"))
    assert not wanted("上海东").is_in("上海。海东")


@pytest.mark.parametrize("text", ["", " ", "!?", "***", "'", "\x00", "\u200b", "\u00ad", "\u0301", "。、"])
def test_query_ignores_everything_but_words_and_signs(text: str) -> None:
    assert tokens(text) == []
    assert wanted(text).empty
    assert wanted(text, prefix=True).empty


def test_last_word_is_a_prefix_on_request() -> None:
    begun = wanted("the bud", prefix=True)
    assert (begun.words, begun.beginning) == (frozenset({"the"}), "bud")
    assert begun.is_in("The budget")
    assert not begun.is_in("Budget")
    assert not wanted("the bud").is_in("The budget")
    assert wanted("the bud ", prefix=True).beginning is None
    assert wanted("b", prefix=True).beginning is None
    assert wanted("上海", prefix=True).is_in("我家在上海东边")
    assert wanted("我家 caf", prefix=True).is_in("我家 Café")


def test_long_word_has_a_short_token_and_is_compared_whole() -> None:
    long = "x" * TOKEN_CHARS
    assert tokens(long + "a") == [long]
    assert wanted(long + "a").tokens == tokens(long + "b")
    assert not wanted(long + "a").is_in(long + "b")


@given(st.text(max_size=40))
def test_text_is_found_by_itself(text: str) -> None:
    assert wanted(text).is_in(text) or wanted(text).empty
    assert set(wanted(text).tokens) <= set(tokens(text))


@given(st.text(max_size=20), st.text(max_size=20))
def test_text_is_found_by_its_parts_between_spaces(before: str, text: str) -> None:
    assert wanted(text).is_in(f"{before} {text} {before}") or wanted(text).empty


def test_decomposed_text_is_limited_to_the_length_of_hangul() -> None:
    assert len(normalised("\ufdfa" * TEXT_CHARS)) <= MAX_CHARS
    assert wanted("각나").is_in("\ud55c" * (TEXT_CHARS - 2) + "각나")


@given(st.text(max_size=40))
def test_tokens_have_no_query_syntax(text: str) -> None:
    for token in tokens(text):
        assert token
        assert all(not one.isascii() or one.isalnum() for one in token)
        assert not any(one.isspace() for one in token)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=40))
def test_case_and_composition_are_ignored(text: str) -> None:
    assert normalised(text.upper()) == normalised(text.upper().lower())
