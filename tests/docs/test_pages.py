"""Pages name only what is there, a sentence a line."""

import re

import pytest

from tests.architecture.packages import ROOT
from tests.docs.pages import DOCS, all_pages, prose

PAGES = sorted(all_pages())
PATH = re.compile(r"`((?:core|deploy|docs|edge|projections|schemas|streams|tests)/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
TWO_SENTENCES = re.compile(r"[a-z`)]\. [A-Z]")


@pytest.mark.parametrize("name", PAGES)
def test_every_path_that_is_named_is_there(name: str) -> None:
    assert [path for path in PATH.findall(prose(name)) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    assert [to for to in LINK.findall(prose(name)) if not (DOCS / name).parent.joinpath(to).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_one_title(name: str) -> None:
    assert len([line for line in prose(name).splitlines() if line.startswith("# ")]) == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_line_of_prose_has_one_sentence(name: str) -> None:
    lines = [line for line in prose(name).splitlines() if line and not line.startswith(("|", "-", "#", " "))]
    assert [line for line in lines if TWO_SENTENCES.search(line) and not re.match(r"\d+\. ", line)] == []
