"""A node over memory adapters, with every processor beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.socket.node import Node
from tests.edge.socket.world import World, world


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[World, Node]]:
    async with world(tmp_path) as found:
        yield found
