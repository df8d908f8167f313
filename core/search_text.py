"""What a text is found by: texts and queries are taken apart alike, here and nowhere else, so all indexes find alike.

A text is taken as it looks (NFKC, whatever its case), without what cannot be seen and without the signs that a reader
leaves out: accents on Latin and Greek letters, stress in Cyrillic, points in Hebrew and Arabic, the colour of a skin.
Marks that are letters stay, as vowels of Thai and Devanagari, or what makes и a й. What is left are runs:

- a *word*: letters, digits and marks of scripts that put spaces between words. It is found whole, or by its beginning;
- *signs*: letters of scripts that put none (`core.domain.characters.APART`), or emoji: found by any part of them.

An index keeps tokens: words, and of signs each one and each two that stand side by side. So it finds candidates; that
what stands side by side in a query does so in the text is what `Wanted.is_in` says.
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
"""Of a longer word an index keeps this much."""
PREFIX_CHARS: Final = 2
"""So long a beginning is looked for as one; a shorter one is a word."""
LONGEST: Final = 3 * TEXT_CHARS
"""Of a text that is longer when its characters are taken apart, this much is looked at: a text of Hangul is as long,
and one letter stands for eighteen.
"""
TOKENS: Final = 32
"""So many tokens a query has at most; what it costs grows with them."""

_ACCENTS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_CYRILLIC: Final = "\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f"
_POINTS: Final = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ł": "l", "ŧ": "t", "þ": "th"}
)
"""Latin letters whose sign is part of them, as those who cannot type them write them."""
_UNSEEN: Final = re.compile(rf"[{FORMAT}{EMPTY}{_POINTS}\U0001f3fb-\U0001f3ff]")
_STRESSED: Final = re.compile("([аеиоуыэюяє])[\u0300\u0301]+|(\u0435)\u0308")
_ACCENTED: Final = re.compile(f"(?<![{_CYRILLIC}{_ACCENTS}])[{_ACCENTS}]+")
_APART: Final = re.compile(f"[{APART}]")
_WORD: Final = re.compile("[a-z0-9]+")
_RUN: Final = re.compile("w+|s+|e+")

Kind = Literal["w", "s", "e", " "]
"""A letter of a word, a sign, an emoji, or none of these."""


def normalised(text: str) -> str:
    """The text as it looks to somebody who searches."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text)[:LONGEST].casefold())
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
    """The runs of a normalised text, each with its kind."""
    if text.isascii():
        for word in _WORD.findall(text):
            yield "w", word
        return
    kinds = "".join(map(_kind, text))
    for found in _RUN.finditer(kinds):
        yield kinds[found.start()], text[found.start() : found.end()]


def tokens(text: str) -> list[str]:
    """What an index keeps of a text, each once, in order."""
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
    """What a query looks for: all of these words and signs, and a word that begins so."""

    words: frozenset[str]
    signs: frozenset[str]
    prefix: str | None = None

    @property
    def tokens(self) -> list[str]:
        """What every text has that this is in, beside a token that begins like `prefix`."""
        found = {word[:TOKEN_CHARS] for word in self.words}
        for run in self.signs:
            found.add(run[-2:])
            found.update(run[start : start + 2] for start in range(0, len(run) - 1, 2))
        return sorted(found)

    @property
    def beginning(self) -> str | None:
        """How a token of every such text begins."""
        return None if self.prefix is None else self.prefix[:TOKEN_CHARS]

    @property
    def empty(self) -> bool:
        """Whether nothing is looked for."""
        return not self.words and not self.signs and self.prefix is None

    def is_in(self, text: str) -> bool:
        """Whether a text has all of it."""
        words, signs, prefix = set[str](), list[str](), self.prefix
        for kind, run in _runs(normalised(text)):
            (words.add if kind == "w" else signs.append)(run)
        return (
            self.words <= words
            and all(any(run in other for other in signs) for run in self.signs)
            and (prefix is None or any(word.startswith(prefix) for word in words))
        )


def wanted(text: str, *, prefix: bool = False) -> Wanted:
    """What a query's text looks for; with `prefix` its last word, where nothing stands after it, is a beginning."""
    plain = normalised(text)
    runs = list(_runs(plain))
    begun = None
    if prefix and runs and runs[-1][0] == "w" and len(runs[-1][1]) >= PREFIX_CHARS and plain.endswith(runs[-1][1]):
        begun = runs.pop()[1]
    return Wanted(
        frozenset(run for kind, run in runs if kind == "w"), frozenset(run for kind, run in runs if kind != "w"), begun
    )
