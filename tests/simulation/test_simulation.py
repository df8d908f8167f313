"""The laws of the design hold after every schedule; and where a rule is broken on purpose, they say so."""

import os
import subprocess
import sys

import pytest

from tests.simulation.laws import broken
from tests.simulation.mutants import MUTANTS
from tests.simulation.world import played

SEEDS = int(os.environ.get("CAAS_SEEDS", "100"))
AT_ONCE = 50
FOUND_WITHIN = 200
"""A mutant that survives so many seeds is not found."""


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_the_laws_hold_after_every_schedule(first: int) -> None:
    for seed in range(first, min(first + AT_ONCE, SEEDS)):
        found = broken(played(seed))
        assert not found, f"python -m tests.simulation {seed} shows how it came to this:\n" + "\n".join(found)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_found(name: str) -> None:
    parts, law = MUTANTS[name]
    for seed in range(FOUND_WITHIN):
        if any(law in what for what in broken(played(seed, parts))):
            return
    pytest.fail(f"{name}: {law} holds in all of {FOUND_WITHIN} seeds")


def test_a_seed_is_the_same_world_in_every_process() -> None:
    def trace(hash_seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "tests.simulation", "7"]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    first = trace("1")
    assert len(first.splitlines()) > 100
    assert first == trace("2")
