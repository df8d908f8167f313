"""Fixtures of all simulations."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Disable logging: outages are normal here, and their log lines are noise."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
