"""Classify characters for readers: which are invisible, and which join the adjacent word.

The tables are parts of a character class of `re`.
"""

import re
import unicodedata
from typing import Final

FORMAT: Final = (
    "\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Invisible characters that shape the text around them: joiners, direction marks, variation selectors, tags."""
EMPTY: Final = "\u115f\u1160\u17b4\u17b5\u200b\u2800\u3164\uffa0\U0001d159"
"""Invisible characters that take up space at most: fillers, the zero-width space, the blank Braille pattern."""
APART: Final = (
    "\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u2e80-\ua4cf"
    "\ua960-\ua9ff\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\uff65-\uffdf"
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
"""Scripts without spaces between words, so that a name may be directly beside them: Chinese, Japanese, Yi, Tangut,
Thai, Lao, Tibetan, Burmese, Khmer and its neighbours; and Korean, which appends particles to a name.
"""
KEYCAP: Final = "\u20e3"
"""The mark that makes a digit an emoji."""
MAX_FORMAT_CHARS: Final = 8
"""Maximum number of format characters that are skipped; more of them count as joining: they are meant to deceive."""

_SEEN: Final = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f{FORMAT}{EMPTY}]")
_APART: Final = re.compile(f"[{APART}]")
_SHAPES: Final = frozenset(
    chr(code)
    for first, last in re.findall("(.)(?:-(.))?", FORMAT, re.DOTALL)
    for code in range(ord(first), ord(last or first) + 1)
)


def blank(text: str) -> bool:
    """Return whether a text is invisible: only white space, control and format characters and fillers."""
    return _SEEN.search(text) is None


def joins(character: str) -> bool:
    """Return whether a character joins an adjacent word: a letter, a digit, or a mark on one."""
    mark = unicodedata.category(character)[0] == "M" and character != KEYCAP
    return (mark or character.isalnum()) and _APART.match(character) is None


def joins_before(text: str, at: int) -> bool:
    """Return whether the character before `at` joins the one at it; format characters are skipped."""
    return _joined(text[max(0, at - MAX_FORMAT_CHARS - 1) : at][::-1])


def joins_after(text: str, at: int) -> bool:
    """Return whether the character at `at` joins the one before it; format characters are skipped."""
    return _joined(text[at : at + MAX_FORMAT_CHARS + 1])


def _joined(part: str) -> bool:
    """Return whether the first character of `part` that is no format character joins."""
    return next((joins(one) for one in part if one not in _SHAPES), len(part) > MAX_FORMAT_CHARS)
