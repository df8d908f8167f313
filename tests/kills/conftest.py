"""A stack of its own for each test here, and the system on it as real processes."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.e2e.processes import System

WORKERS = {"messages": 2, "conversations": 1, "receipts": 1, "search": 1}
StartSystem = Callable[[int], tuple[Stack, System]]


@pytest.fixture
def start_system(tmp_path: Path) -> Iterator[StartSystem]:
    """Start a fresh stack with so many brokers, and the system on it; both are taken down at the end."""
    started: list[tuple[Stack, System]] = []

    def start(brokers: int) -> tuple[Stack, System]:
        Stack(Path(os.environ.get("CAAS_STACK_DIR", ".caas/stack"))).clean()
        stack = Stack(Path(os.environ.get("CAAS_STACK_DIR", ".caas/stack")), brokers=brokers)
        stack.up()
        environment = {
            **stack.env(),
            "CAAS_DATA": str(tmp_path / "data"),
            "CAAS_APP_KEY": "tests",
            "CAAS_APP_SECRET": secrets.token_urlsafe(16),
            "CAAS_TOKEN_SECRET": secrets.token_urlsafe(32),
            "CAAS_HEARTBEAT_MS": "5000",
        }
        system = System(tmp_path, environment)
        started.append((stack, system))
        system.run("topics")
        return stack, system.start(WORKERS)

    yield start
    for stack, system in started:
        system.stop()
        stack.clean()
