"""Split texts and queries into search tokens; only here, so that every index finds the same messages.

A text is normalised (NFKC, case folded). Invisible characters are removed, and the signs that people leave out when
they type: accents on Latin and Greek letters, stress in Cyrillic, points in Hebrew and Arabic, skin tones. Marks that
are letters stay, such as vowels of Thai and Devanagari, or what makes и a й. The rest is split into runs:

- a *word*: letters, digits and marks of scripts with spaces between words. It is found whole, or by its beginning;
- *signs*: letters of scripts without spaces (`core.domain.characters.APART`), or emoji: found by any part of them.

An index keeps tokens: words, single signs and pairs of adjacent signs. So it finds candidates; whether signs that are
adjacent in the query are so in the text is checked by `Wanted.is_in`.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from core.domain.characters import APART, EMPTY, FORMAT
from schemas.bounds import TEXT_CHARS

TOKEN_CHARS: Final = 64
"""Maximum length of a token; of a longer word an index keeps this much."""
PREFIX_CHARS: Final = 2
"""Minimum length of a prefix; a shorter one is searched as a word."""
MAX_CHARS: Final = 3 * TEXT_CHARS
"""Maximum number of decomposed characters that are indexed: a text of Hangul decomposes to as many, and there is a
letter that decomposes to eighteen.
"""
MAX_TOKENS: Final = 32
"""Maximum number of tokens in a query; its cost grows with them."""

_ACCENTS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_CYRILLIC: Final = "\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f"
_POINTS: Final = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ł": "l", "ŧ": "t", "þ": "th"}
)
"""Latin letters that do not decompose, and how they are written without their sign."""
_UNSEEN: Final = re.compile(rf"[{FORMAT}{EMPTY}{_POINTS}\U0001f3fb-\U0001f3ff]")
_STRESSED: Final = re.compile("([аеиоуыэюяє])[\u0300\u0301]+|(\u0435)\u0308")
_ACCENTED: Final = re.compile(f"(?<![{_CYRILLIC}{_ACCENTS}])[{_ACCENTS}]+")
_APART: Final = re.compile(f"[{APART}]")
_WORD: Final = re.compile("[a-z0-9]+")
_RUN: Final = re.compile("w+|s+|e+")

Kind = Literal["w", "s", "e", " "]
"""The kind of a character: of a word, a sign, an emoji, or none of these."""


def normalised(text: str) -> str:
    """Return the normalised text, in which texts and queries are compared."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text)[:MAX_CHARS].casefold())
    bare = _ACCENTED.sub("", _STRESSED.sub(r"\1\2", _UNSEEN.sub("", apart)))
    return unicodedata.normalize("NFKC", bare.translate(_LETTERS))


@lru_cache(maxsize=16_384)
def _kind(character: str) -> Kind:
    code, category = ord(character), unicodedata.category(character)
    if 0x1F000 <= code <= 0x1FAFF or category == "So" or (category == "Sm" and code >= 0x2190):
        return "e"
    if category[0] in "LNM" or code >= 0x20000:
        return "s" if _APART.match(character) else "w"
    return " "


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the runs of a normalised text as (kind, run)."""
    if text.isascii():
        for word in _WORD.findall(text):
            yield "w", word
        return
    kinds = "".join(map(_kind, text))
    for found in _RUN.finditer(kinds):
        yield kinds[found.start()], text[found.start() : found.end()]


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, each once, in order."""
    found = dict[str, None]()
    for kind, run in _runs(normalised(text)):
        if kind == "w":
            found[run[:TOKEN_CHARS]] = None
        else:
            found |= dict.fromkeys(run)
            found |= dict.fromkeys(map("".join, pairwise(run)))
    return list(found)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parsed query: all of these words and signs, and a word that begins with `prefix`."""

    words: frozenset[str]
    signs: frozenset[str]
    prefix: str | None = None

    @property
    def tokens(self) -> list[str]:
        """The tokens that every matching text has, beside a token that begins with `prefix`."""
        found = {word[:TOKEN_CHARS] for word in self.words}
        for run in self.signs:
            found.add(run[-2:])
            found.update(run[start : start + 2] for start in range(0, len(run) - 1, 2))
        return sorted(found)

    @property
    def beginning(self) -> str | None:
        """The prefix that a token of every matching text has."""
        return None if self.prefix is None else self.prefix[:TOKEN_CHARS]

    @property
    def empty(self) -> bool:
        """Whether the query is empty."""
        return not self.words and not self.signs and self.prefix is None

    def is_in(self, text: str) -> bool:
        """Return whether a text matches."""
        words, signs, prefix = set[str](), list[str](), self.prefix
        for kind, run in _runs(normalised(text)):
            (words.add if kind == "w" else signs.append)(run)
        return (
            self.words <= words
            and all(any(run in other for other in signs) for run in self.signs)
            and (prefix is None or any(word.startswith(prefix) for word in words))
        )


def wanted(text: str, *, prefix: bool = False) -> Wanted:
    """Parse a query; with `prefix` its last word, if nothing follows it, is searched as a prefix."""
    plain = normalised(text)
    runs = list(_runs(plain))
    begun = None
    if prefix and runs and runs[-1][0] == "w" and len(runs[-1][1]) >= PREFIX_CHARS and plain.endswith(runs[-1][1]):
        begun = runs.pop()[1]
    return Wanted(
        frozenset(run for kind, run in runs if kind == "w"), frozenset(run for kind, run in runs if kind != "w"), begun
    )
