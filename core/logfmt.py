"""Format values of log lines as logfmt."""

import json
import re
from typing import Final

_PLAIN: Final = re.compile(r"[\w.:/@-]+\Z")


def value(text: object) -> str:
    """Return the text, quoted as JSON unless it is one plain word: always on one line."""
    plain = str(text)
    return plain if _PLAIN.match(plain) else json.dumps(plain)
