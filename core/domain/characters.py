"""What characters are to whoever reads them: which cannot be seen, and which join the word beside them.

The tables are parts of a character class of `re`.
"""

import re
import unicodedata
from typing import Final

FORMAT: Final = (
    "\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What shapes the text around it and is nothing itself: joiners, direction marks, variation selectors, tags."""
EMPTY: Final = "\u115f\u1160\u17b4\u17b5\u200b\u2800\u3164\uffa0\U0001d159"
"""What takes up room at most: fillers, the zero-width space, the blank Braille pattern."""
APART: Final = (
    "\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u2e80-\ua4cf"
    "\ua960-\ua9ff\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\uff65-\uffdf"
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
"""Scripts whose words follow each other without spaces, so that a name may stand right beside them: Chinese, Japanese,
Yi, Tangut, Thai, Lao, Tibetan, Burmese, Khmer and its neighbours; and Korean, which writes particles onto a name.
"""
KEYCAP: Final = "\u20e3"
"""The mark that makes a digit an emoji."""
LOOKED_THROUGH: Final = 8
"""So many format characters are looked through; more of them join, they are there to deceive."""

_SEEN: Final = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f{FORMAT}{EMPTY}]")
_APART: Final = re.compile(f"[{APART}]")
_SHAPES: Final = frozenset(
    chr(point)
    for first, last in re.findall("(.)(?:-(.))?", FORMAT, re.DOTALL)
    for point in range(ord(first), ord(last or first) + 1)
)


def blank(text: str) -> bool:
    """Whether nothing in a text can be seen: it is white space, control and format characters and fillers alone."""
    return _SEEN.search(text) is None


def joins(character: str) -> bool:
    """Whether this is part of a word that it stands beside: a letter, a digit, or a mark on one."""
    mark = unicodedata.category(character)[0] == "M" and character != KEYCAP
    return (mark or character.isalnum()) and _APART.match(character) is None


def joins_before(text: str, at: int) -> bool:
    """Whether what stands before a place in a text joins what stands there; format characters are looked through."""
    return _joined(text[max(0, at - LOOKED_THROUGH - 1) : at][::-1])


def joins_after(text: str, at: int) -> bool:
    """Whether what stands at a place in a text joins what stands before it; format characters are looked through."""
    return _joined(text[at : at + LOOKED_THROUGH + 1])


def _joined(part: str) -> bool:
    """Of the characters from a place on, away from it: whether the first that is no format character joins."""
    return next((joins(one) for one in part if one not in _SHAPES), len(part) > LOOKED_THROUGH)
