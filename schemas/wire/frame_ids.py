"""The id of a frame that no decoder takes as a whole, so that whoever sent it knows which one was refused.

A text with half a surrogate pair, a thousand brackets in each other, NaN or a missing end are such frames. Only what
stands around the data is read, and of the data only where it ends.
"""

import re
from typing import Final

STEPS: Final = 2_048
"""Maximum number of members, and of runs of brackets, that are passed over: they are what a scan costs."""

_TEXT: Final = r'"[^"\\]*+(?:(?:\\.)++[^"\\]*+)*+"'
_OPENS: Final = re.compile(r"[ \t\n\r]*\{")
_MEMBER: Final = re.compile(rf"[ \t\n\r]*({_TEXT})[ \t\n\r]*:[ \t\n\r]*", re.DOTALL)
_PLAIN: Final = re.compile(rf'{_TEXT}|[^ \t\n\r,:"\[\]{{}}]++', re.DOTALL)
_BRACKETS: Final = re.compile(rf'[^"\[\]{{}}]*+(?:{_TEXT}[^"\[\]{{}}]*+)*+([\[{{]++|[\]}}]++)', re.DOTALL)
_COMMA: Final = re.compile(r"[ \t\n\r]*,")
_KEYS: Final = re.compile(r'"(?:i|\\u0069)(?:d|\\u0064)"')
_HIGH: Final = r"[89abAB][0-9a-fA-F]{2}"
_LOW: Final = r"[c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = re.compile(rf"\\u[dD](?:{_HIGH}(?!\\u[dD]{_LOW})|{_LOW}(?<!\\u[dD]{_HIGH}\\u[dD]{_LOW}))")


def id_in(text: str | bytes) -> str | None:
    """The JSON of the last `id` of this object that can be read before something that cannot; None: there is none."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    scan = _Scan(text)
    found = None
    while (member := scan.member()) is not None:
        key, value = member
        found = value if _KEYS.fullmatch(key) else found
    return found


def has_half_a_pair(text: str | bytes) -> bool:
    """Whether something in it looks like an escaped half of a surrogate pair, which is no character."""
    return _HALF.search(text if isinstance(text, str) else text.decode(errors="replace")) is not None


class _Scan:
    """Goes from one member of an object to the next."""

    def __init__(self, text: str) -> None:
        self._text = text
        begins = _OPENS.match(text)
        self._at = -1 if begins is None else begins.end()
        self._steps = 0

    def member(self) -> tuple[str, str] | None:
        """The next key and its value, both as JSON; None where there is no more that can be read."""
        if self._at < 0 or (named := _MEMBER.match(self._text, self._at)) is None:
            return None
        end = self._end_of(named.end())
        if end is None:
            return None
        comma = _COMMA.match(self._text, end)
        self._at = -1 if comma is None else comma.end()
        return named[1], self._text[named.end() : end]

    def _end_of(self, at: int) -> int | None:
        """Where the value that begins there ends."""
        self._steps += 1
        if (plain := _PLAIN.match(self._text, at)) is not None:
            return plain.end() if self._steps < STEPS else None
        deep = 0
        while self._steps < STEPS and (run := _BRACKETS.match(self._text, at)) is not None:
            self._steps += 1
            opens = run[1][0] in "[{"
            length = len(run[1])
            if not opens and length >= deep:
                return run.start(1) + deep
            deep += length if opens else -length
            at = run.end()
        return None
