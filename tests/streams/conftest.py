"""A world per test."""

from collections.abc import AsyncIterator

import pytest

from tests.streams.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.log.start()
    yield world
    await world.log.stop()
