"""Whom a text names: a member is mentioned by `@` and the user id, unless it goes on as another name would."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from core.domain.characters import joins_after, joins_before
from schemas.bounds import MENTIONS

LOOKED_AT: Final = 250
"""So many at-signs of a text are looked at: more of them name nobody, they are there to keep a node busy."""
TRIED: Final = 500
"""So many names are tried for a text, for the same reason: one may end with punctuation, so every end is tried."""
NAME_CHARS: Final = 128

_RUN: Final = re.compile(rf"[A-Za-z0-9_.@+=~-]{{1,{NAME_CHARS + 1}}}")
"""What could be a user id, with one character more."""
_PUNCTUATION: Final = "_.@+=~-"


def mentions(text: str, named: Iterable[str], present: Callable[[str], bool]) -> list[str]:
    """The members that are present of those that a command `named` and its text names, sorted.

    At most `MENTIONS` are kept, those of the command first, then those of the text in its order.
    """
    found = dict.fromkeys(user for user in named if present(user))
    for user in in_text(text, present) if "@" in text else ():
        if len(found) >= MENTIONS:
            break
        found[user] = None
    return sorted(islice(found, MENTIONS)) if found else []


def in_text(text: str, present: Callable[[str], bool]) -> Iterator[str]:
    """Whom the text names, in its order: after each at-sign the longest user id of a member, if there is one.

    Characters of user ids that go on with a letter or digit, of whatever script that writes words apart, are all one
    name: where nobody has it, it names nobody, and not who is called like its beginning.
    """
    passed, tries = 0, TRIED
    for start in islice(_starts(text), LOOKED_AT):
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
    """Where something follows upon an at-sign."""
    at = text.find("@")
    while at >= 0:
        yield at + 1
        at = text.find("@", at + 1)


def _member(run: str, present: Callable[[str], bool], tries: int) -> tuple[str | None, int]:
    """The longest user id of a member that a run is, but for punctuation at its end, and how many tries are left."""
    least = len(run.rstrip(_PUNCTUATION)) or 1
    for end in range(min(len(run), NAME_CHARS), least - 1, -1):
        if tries == 0:
            break
        tries -= 1
        if present(run[:end]):
            return run[:end], tries
    return None, tries
