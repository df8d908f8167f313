"""The recordings to play: always the synthetic one, and the real one if `CAAS_RECORDING` names it."""

import os
from pathlib import Path

import pytest

SYNTHETIC = Path(__file__).parent.parent / "data" / "recording.jsonl.gz"


def recordings() -> list[pytest.param]:  # type: ignore[valid-type]
    """Return the parameters for `parametrize`."""
    real = os.environ.get("CAAS_RECORDING")
    found = [pytest.param(SYNTHETIC, id="synthetic")]
    return [*found, pytest.param(Path(real), id="six-days")] if real else found
