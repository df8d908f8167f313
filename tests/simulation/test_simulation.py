"""The laws of the design hold after every schedule, and detect rules that are broken on purpose."""

import os
import subprocess
import sys

import pytest

from tests.simulation.laws import broken
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import played

SEEDS = int(os.environ.get("CAAS_SEEDS", "20"))
BATCH_SIZE = 10
MAX_SEEDS = 200
"""Maximum number of seeds in which a mutant must be detected."""


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH_SIZE))
def test_the_laws_hold_after_every_schedule(first: int) -> None:
    for seed in range(first, min(first + BATCH_SIZE, SEEDS)):
        found = broken(played(seed))
        assert not found, f"python -m tests.simulation {seed} shows how it came to this:\n" + "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_detected(name: str) -> None:
    mutant = MUTANTS[name]
    for seed in (mutant.seed, *range(MAX_SEEDS)):
        if any(mutant.law in what for what in broken(played(seed, mutant.parts))):
            return
    pytest.fail(f"{name}: {mutant.law} holds in all of {MAX_SEEDS} seeds")


def test_seed_gives_the_same_world_in_every_process() -> None:
    def trace(hash_seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "tests.simulation", "7"]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    first = trace("1")
    assert len(first.splitlines()) > 100
    assert first == trace("2")
