"""The real servers: started once for the session and left as they were found, or in containers of the session.

`CAAS_TEST_SERVERS` chooses (tests/stack/servers.py); `CAAS_STACK_DIR` names the directory of the local stack (default
`.caas/stack`). Nothing here skips: a selected test gets servers or fails.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.server import StackError
from deploy.local.stack import Stack
from streams.log.kafka.topics import create_topics
from tests.stack.live import live
from tests.stack.servers import chosen, servers_in

__all__ = ["live"]

SHIFT = 5_000
CONTAINERS_SHIFT = 6_000


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running local stack; a test that stops servers starts them again, and is marked `local`."""
    stack = Stack(Path(os.environ.get("CAAS_STACK_DIR", ".caas/stack")))
    ran_before = _runs(stack)
    stack.up()
    yield stack
    if ran_before:
        stack.up()
    else:
        stack.down()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings that point at the servers."""
    if chosen(os.environ) == "local":
        yield request.getfixturevalue("stack").env()
        return
    found = servers_in(tmp_path_factory.mktemp("containers"), CONTAINERS_SHIFT)
    try:
        found.up()
        yield found.env()
    finally:
        found.clean()


@pytest.fixture(scope="session")
def bootstrap(servers: dict[str, str]) -> str:
    """Kafka with its topics."""
    where = servers["CAAS_KAFKA_BOOTSTRAP"]
    copies, in_sync = int(servers["CAAS_KAFKA_REPLICATION"]), int(servers["CAAS_KAFKA_MIN_INSYNC"])
    asyncio.run(create_topics(where, copies, in_sync))
    return where


@pytest.fixture(scope="module")
def spare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of the module's `ROLE` on other ports, only for tests that stop them."""
    directory = tmp_path_factory.mktemp("spare") / "stack"
    brokers: int = getattr(request.module, "BROKERS", 1)
    stack = Stack(directory, brokers, only=frozenset({request.module.ROLE}), shift=SHIFT)
    stack.up()
    yield stack
    stack.clean()


@pytest.fixture
def comes_back(spare: Stack) -> Iterator[None]:
    """Restore, for the next test, the servers that a test stopped."""
    yield
    for server in spare.status():
        if server.state == "frozen":
            spare.thaw(server.name)
    spare.up()


def _runs(stack: Stack) -> bool:
    try:
        return any(status.pid is not None for status in stack.status())
    except StackError:
        return False
