"""Find mentions in a text: a member is mentioned by `@` and the user id, unless the text continues as a longer name."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from core.domain.characters import joins_after, joins_before
from schemas.bounds import MENTIONS

MAX_AT_SIGNS: Final = 250
"""Maximum number of at-signs of a text that are examined; later ones mention nobody: protection against overload."""
MAX_TRIES: Final = 500
"""Maximum number of names tried per text, for the same reason: a name may end with punctuation, so all ends are."""
NAME_CHARS: Final = 128

_RUN: Final = re.compile(rf"[A-Za-z0-9_.@+=~-]{{1,{NAME_CHARS + 1}}}")
"""A possible user id, with one character more."""
_PUNCTUATION: Final = "_.@+=~-"


def mentions(text: str, named: Iterable[str], present: Callable[[str], bool]) -> list[str]:
    """Return the present members that a command `named` or its text mentions, sorted.

    At most `MENTIONS` are kept, those of the command first, then those of the text in its order.
    """
    found = dict.fromkeys(user for user in named if present(user))
    for user in in_text(text, present) if "@" in text else ():
        if len(found) >= MENTIONS:
            break
        found[user] = None
    return sorted(islice(found, MENTIONS)) if found else []


def in_text(text: str, present: Callable[[str], bool]) -> Iterator[str]:
    """Yield the members that the text mentions, in its order: after each at-sign the longest user id of a member.

    Characters of user ids followed by a letter or digit, of any script with spaces between words, are one name: if no
    member has it, it mentions nobody, not even a member whose id is its prefix.
    """
    passed, tries = 0, MAX_TRIES
    for start in islice(_starts(text), MAX_AT_SIGNS):
        if tries == 0:
            return
        run = _RUN.match(text, start)
        if start <= passed or run is None or joins_before(text, start - 1):
            continue  # within the user id of the one before, or in an e-mail address
        if run.end() - start <= NAME_CHARS and joins_after(text, run.end()):
            continue
        name, tries = _member(run[0], present, tries)
        if name is not None:
            passed = start + len(name)
            yield name


def _starts(text: str) -> Iterator[int]:
    """Yield the places after each at-sign."""
    at = text.find("@")
    while at >= 0:
        yield at + 1
        at = text.find("@", at + 1)


def _member(run: str, present: Callable[[str], bool], tries: int) -> tuple[str | None, int]:
    """Return the longest user id of a member that a run is, except for final punctuation, and the tries left."""
    least = len(run.rstrip(_PUNCTUATION)) or 1
    for end in range(min(len(run), NAME_CHARS), least - 1, -1):
        if tries == 0:
            break
        tries -= 1
        if present(run[:end]):
            return run[:end], tries
    return None, tries
