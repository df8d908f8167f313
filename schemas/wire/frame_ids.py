"""Finds the id of a frame that cannot be decoded as a whole, so that its sender knows which one was rejected.

Such frames have a text with half a surrogate pair, a thousand nested brackets, NaN or a missing end. Only the fields
around the data are read, and of the data only its end.
"""

import re
from typing import Final

MAX_STEPS: Final = 2_048
"""Maximum number of members, and of runs of brackets, that a scan skips: they determine its cost."""

_TEXT: Final = r'"[^"\\]*+(?:(?:\\.)++[^"\\]*+)*+"'
_OPENS: Final = re.compile(r"[ \t\n\r]*\{")
_MEMBER: Final = re.compile(rf"[ \t\n\r]*({_TEXT})[ \t\n\r]*:[ \t\n\r]*", re.DOTALL)
_PLAIN: Final = re.compile(rf'{_TEXT}|[^ \t\n\r,:"\[\]{{}}]++', re.DOTALL)
_BRACKETS: Final = re.compile(rf'[^"\[\]{{}}]*+(?:{_TEXT}[^"\[\]{{}}]*+)*+([\[{{]++|[\]}}]++)', re.DOTALL)
_COMMA: Final = re.compile(r"[ \t\n\r]*,")
_KEYS: Final = re.compile(r'"(?:i|\\u0069)(?:d|\\u0064)"')
_HIGH: Final = r"[89abAB][0-9a-fA-F]{2}"
_LOW: Final = r"[c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE: Final = re.compile(rf"\\u[dD](?:{_HIGH}(?!\\u[dD]{_LOW})|{_LOW}(?<!\\u[dD]{_HIGH}\\u[dD]{_LOW}))")


def id_in(text: str | bytes) -> str | None:
    """Return the JSON of the last `id` of this object before its first unreadable part; None if there is none."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    scan = _Scan(text)
    found = None
    while (member := scan.member()) is not None:
        key, value = member
        found = value if _KEYS.fullmatch(key) else found
    return found


def has_lone_surrogate(text: str | bytes) -> bool:
    """Whether it seems to contain an escaped half of a surrogate pair, which is not a character."""
    return _LONE_SURROGATE.search(text if isinstance(text, str) else text.decode(errors="replace")) is not None


class _Scan:
    """Scans an object member by member."""

    def __init__(self, text: str) -> None:
        self._text = text
        opening = _OPENS.match(text)
        self._at = -1 if opening is None else opening.end()
        self._steps = 0

    def member(self) -> tuple[str, str] | None:
        """Return the next key and its value, both as JSON; None if no more can be read."""
        if self._at < 0 or (named := _MEMBER.match(self._text, self._at)) is None:
            return None
        end = self._end_of(named.end())
        if end is None:
            return None
        comma = _COMMA.match(self._text, end)
        self._at = -1 if comma is None else comma.end()
        return named[1], self._text[named.end() : end]

    def _end_of(self, at: int) -> int | None:
        """Return the end of the value that begins there; None if it is not found."""
        self._steps += 1
        if (plain := _PLAIN.match(self._text, at)) is not None:
            return plain.end() if self._steps < MAX_STEPS else None
        depth = 0
        while self._steps < MAX_STEPS and (run := _BRACKETS.match(self._text, at)) is not None:
            self._steps += 1
            opens = run[1][0] in "[{"
            length = len(run[1])
            if not opens and length >= depth:
                return run.start(1) + depth
            depth += length if opens else -length
            at = run.end()
        return None
