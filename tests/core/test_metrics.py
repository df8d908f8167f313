"""Every counter and gauge is in its table, the table has no other, and docs/operations.md shows it."""

import re

from core.metrics import COUNTERS, GAUGES
from tests.architecture.packages import files
from tests.docs.pages import page

GAUGED = re.compile(r"""\.gauge\(\s*"([^"]+)\"""")
COUNTED = re.compile(r"""(?:\.count\(\s*|\.counted\[)(f?)"([^"]+)\"""")


def counted() -> set[str]:
    """The names that our code counts by, those of processors and codes as patterns."""
    found = set()
    for path in files():
        for formatted, name in COUNTED.findall(path.read_text(encoding="utf-8")):
            found.add(pattern_of(name) if formatted else name)
    return found


def pattern_of(formatted: str) -> str:
    """The name in the table that an f-string stands for: a processor stands first in it, a code last."""
    return re.sub(r"^\{[^}]+\}", "{processor}", re.sub(r"\{[^}]+\}$", "{code}", formatted))


def test_what_is_counted_is_in_the_table() -> None:
    assert counted() - COUNTERS.keys() == set()


def test_what_is_in_the_table_is_counted() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in files() if path.name != "metrics.py")
    assert [name for name in COUNTERS.keys() - counted() if f'"{name}"' not in sources] == []


def test_the_page_shows_the_table() -> None:
    table = page("operations.md").partition("| counter | counts how often |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE)) == COUNTERS


def test_every_gauge_is_in_its_table_and_on_the_page() -> None:
    gauged = {name for path in files() for name in GAUGED.findall(path.read_text(encoding="utf-8"))}
    assert gauged == GAUGES.keys()
    table = page("operations.md").partition("| gauge | what it is now |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE)) == GAUGES
