"""docs/testing.md names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "testing.md").read_text())))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_it_names_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text()
    assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{path} has no {name}"


def test_it_names_some() -> None:
    assert len(NAMED) > 10
