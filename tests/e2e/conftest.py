"""Fixtures shared by tests of the embedded system."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.up import Restartable


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Restartable]:
    found = Restartable(tmp_path)
    yield found
    if found.process is not None:
        found.process.stop()
