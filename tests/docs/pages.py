"""The documents, their headings, tables and marked examples."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.architecture.packages import ROOT

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(?P<mark>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A fenced block: ```json client``` has the mark `json client`."""

    mark: str
    text: str


def page(name: str) -> str:
    """A document's text."""
    return (DOCS / name).read_text(encoding="utf-8")


def examples(name: str, mark: str) -> list[Example]:
    """The blocks whose mark is this, or begins with it and a space."""
    found = (Example(block["mark"], block["text"]) for block in _FENCE.finditer(page(name)))
    return [example for example in found if f"{example.mark} ".startswith(f"{mark} ")]


def headings(name: str) -> set[str]:
    """What stands in the headings of a document."""
    return {line.lstrip("#").strip() for line in prose(name).splitlines() if line.startswith("#")}


def rows(name: str) -> dict[str, list[str]]:
    """The rows of all tables by what their first cell says; `|` in a cell is written `\\|`."""
    found: dict[str, list[str]] = {}
    for line in prose(name).splitlines():
        if line.startswith("| "):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            found[cells[0].strip("`")] = cells[1:]
    return found


def prose(name: str) -> str:
    """A document without its blocks."""
    return _FENCE.sub("", page(name))


def all_pages() -> Iterator[str]:
    """Every document."""
    for path in sorted(DOCS.rglob("*.md")):
        yield str(path.relative_to(DOCS))
