"""The real servers start, can be stopped and started again, and leave no files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka_wire import brokers_seen
from deploy.local.server import HOST
from deploy.local.stack import Stack

# Away from a stack in use on the default ports.
SHIFT = 3_000

pytestmark = [pytest.mark.stack, pytest.mark.kills]


def states(stack: Stack) -> dict[str, str]:
    return {status.name: status.state for status in stack.status()}


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    brokers, only = request.param
    running = Stack(tmp_path / "stack", brokers, only, mongo_backend="h2", shift=SHIFT)
    running.up()
    yield running
    running.clean()
    assert not running.directory.exists()


@pytest.mark.parametrize("stack", [(1, None)], indirect=True)
def test_each_server_can_be_killed_stopped_started_frozen_and_thawed(stack: Stack) -> None:
    assert set(states(stack).values()) == {"up"}
    for name in stack.names():
        stack.kill(name)
        assert states(stack)[name] == "down"
        stack.start(name)
        stack.stop(name)
        stack.start(name)
        stack.freeze(name)
        assert states(stack)[name] == "frozen"
        stack.thaw(name)
    before = {status.name: status.pid for status in stack.status()}
    stack.up()
    assert {status.name: status.pid for status in stack.status()} == before
    assert set(states(stack).values()) == {"up"}


@pytest.mark.parametrize("stack", [(3, frozenset({"kafka"}))], indirect=True)
def test_a_killed_broker_of_three_rejoins(stack: Stack) -> None:
    stack.kill("kafka-2")
    assert states(stack) == {"kafka-1": "up", "kafka-2": "down", "kafka-3": "up"}
    stack.start("kafka-2")
    stack.up()
    for port in (9092, 9093, 9094):
        assert brokers_seen(HOST, port + SHIFT) == {1, 2, 3}
