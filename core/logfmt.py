"""Values in log lines, as logfmt has them."""

import json
import re
from typing import Final

_PLAIN: Final = re.compile(r"[\w.:/@-]+\Z")


def value(text: object) -> str:
    """The text as it is, or quoted where it would not end at the next space: always on one line."""
    plain = str(text)
    return plain if _PLAIN.match(plain) else json.dumps(plain)
