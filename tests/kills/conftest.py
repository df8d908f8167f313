"""Separate stacks on separate ports, and the system on them as real processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import mongo
from deploy.local.stack import Stack
from edge.composition.compose import PROCESSORS
from tests.e2e.processes import System, on_stack

WORKERS = dict.fromkeys(PROCESSORS, 1) | {"messages": 2}
SHIFT = 2_000
OWN_SHIFT = 2_500
"""Port shifts of the stack that tests share and of a test's own, so that neither collides with a developer's stack."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Plays come last: what they leave in the shared system would make each rebuild and each comparison longer."""
    places = [at for at, item in enumerate(items) if "tests/kills/" in item.nodeid]
    ordered = sorted((items[at] for at in places), key=lambda item: "test_play_on" in item.nodeid)
    for at, item in zip(places, ordered, strict=True):
        items[at] = item


@contextmanager
def system_on(
    directory: Path,
    brokers: int = 1,
    mongo_backend: mongo.Backend = "memory",
    heartbeat_ms: int = 5000,
    shift: int = OWN_SHIFT,
) -> Iterator[tuple[Stack, System]]:
    """Run a new stack and the system on it; remove both at the end."""
    stack = Stack(directory / "stack", brokers=brokers, mongo_backend=mongo_backend, shift=shift)
    with on_stack(stack, directory, {"CAAS_HEARTBEAT_MS": str(heartbeat_ms)}) as system:
        yield stack, system.start(WORKERS)


@pytest.fixture(scope="package")
def one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, System]]:
    """The stack and system that all tests share who leave it as it was: each has a tenant of its own."""
    with system_on(tmp_path_factory.mktemp("one"), shift=SHIFT) as found:
        yield found


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, System]]:
    with system_on(tmp_path_factory.mktemp("three"), brokers=3) as found:
        yield found
