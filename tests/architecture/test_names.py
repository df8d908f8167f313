"""The top-level folders are the import packages: another one earlier on the path would be imported instead."""

import importlib
from pathlib import Path

from tests.architecture.packages import NAMES


def test_all_packages_are_in_one_directory() -> None:
    parents = {Path(str(importlib.import_module(name).__file__)).parent.parent for name in NAMES}
    assert len(parents) == 1, f"imported from several places: {sorted(map(str, parents))}"
