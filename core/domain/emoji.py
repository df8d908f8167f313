"""Emoji: which are allowed as reactions, and which ways of writing one are equal.

The list of emoji is Unicode's (emoji-test.txt), from the library `emoji`: including sequences with joiners, flags,
keycaps and skin tones. Only decisions use it. `look`, used by the fold, uses no list: so no row depends on its version.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from emoji import EMOJI_DATA, STATUS

NAME: Final = re.compile(r":[A-Za-z0-9_+-]+:")
"""An application's own emoji, by its name; the application has the picture."""
_FULL_STATUSES: Final = frozenset({STATUS["fully_qualified"], STATUS["component"]})
"""The statuses in Unicode's list of the full form of each emoji, which is shown as a picture everywhere."""
SELECTORS: Final = str.maketrans("", "", "\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}")


def look(emoji: str) -> str:
    """Return the form in which equal-looking emoji are compared: NFC, without variation selectors."""
    if emoji.isascii():
        return emoji
    return unicodedata.normalize("NFC", emoji.translate(SELECTORS))


_WRITTEN: Final[Mapping[str, str]] = {
    look(emoji): emoji for emoji, about in EMOJI_DATA.items() if about["status"] in _FULL_STATUSES
}


def written(emoji: str) -> str | None:
    """Return the full form of an emoji, or the name of an application's own; None if it is neither."""
    return emoji if NAME.fullmatch(emoji) else _WRITTEN.get(look(emoji))
