"""Emoji: what may be put to a message, and which ways of writing it are one and the same.

The list of emoji is Unicode's (emoji-test.txt), as the library `emoji` has it: sequences with joiners, flags, keycaps
and skin tones included. Only decisions ask it. What the fold asks, `look`, rests on no list: so no row changes with it.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from emoji import EMOJI_DATA, STATUS

NAME: Final = re.compile(r":[A-Za-z0-9_+-]+:")
"""An application's own emoji: it knows the picture by this name."""
WHOLE: Final = frozenset({STATUS["fully_qualified"], STATUS["component"]})
"""How Unicode calls the one way of writing each emoji that shows it as a picture everywhere."""
SELECTORS: Final = str.maketrans("", "", "\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}")


def look(emoji: str) -> str:
    """What all that looks alike has in common: NFC, without the selectors of text or picture."""
    if emoji.isascii():
        return emoji
    return unicodedata.normalize("NFC", emoji.translate(SELECTORS))


_WRITTEN: Final[Mapping[str, str]] = {
    look(emoji): emoji for emoji, about in EMOJI_DATA.items() if about["status"] in WHOLE
}


def written(emoji: str) -> str | None:
    """An emoji as Unicode writes it in full, or the name of an application's own; None where it is neither."""
    return emoji if NAME.fullmatch(emoji) else _WRITTEN.get(look(emoji))
