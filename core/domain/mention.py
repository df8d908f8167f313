"""Whom a text names: a member is mentioned by `@` and the user id, whatever punctuation follows."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from schemas.bounds import MENTIONS

LOOKED_AT: Final = 500
"""So many at-signs of a text are looked at: more of them name nobody, they are there to keep a node busy."""

_AT: Final = re.compile(r"(?<![A-Za-z0-9])@(?=([A-Za-z0-9_.@+=~-]{1,129}))")
"""An at-sign that is not within an e-mail address, and what could be a user id after it with one character more."""


def mentions(text: str, named: Iterable[str], present: Callable[[str], bool]) -> list[str]:
    """The members that are present of those that a command `named` and its text names, sorted.

    At most `MENTIONS` are kept, those of the command first, then those of the text in its order.
    """
    found = dict.fromkeys(user for user in named if present(user))
    if "@" in text:
        found |= dict.fromkeys(in_text(text, present))
    return sorted(islice(found, MENTIONS)) if found else []


def in_text(text: str, present: Callable[[str], bool]) -> Iterable[str]:
    """Whom the text names, in its order: after each at-sign the longest user id of a member, if there is one."""
    passed = 0
    for found in islice(_AT.finditer(text), LOOKED_AT):
        if found.start() < passed:
            continue  # within the user id of the one before
        run = found[1]
        name = next((run[:end] for end in range(len(run), 0, -1) if _ends(run, end) and present(run[:end])), None)
        if name is not None:
            passed = found.end() + len(name)
            yield name


def _ends(run: str, end: int) -> bool:
    """Whether a user id may end here: not before a letter or digit, which would be another name."""
    return end == len(run) or not run[end].isalnum()
