"""Which recordings are played: the synthetic one always, the real one where `CAAS_RECORDING` names it."""

import os
from pathlib import Path

import pytest

SYNTHETIC = Path(__file__).parent.parent / "data" / "recording.jsonl.gz"


def recordings() -> list[pytest.param]:  # type: ignore[valid-type]
    """For `parametrize`."""
    real = os.environ.get("CAAS_RECORDING")
    found = [pytest.param(SYNTHETIC, id="synthetic")]
    return [*found, pytest.param(Path(real), id="six-days")] if real else found
