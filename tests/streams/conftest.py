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


@pytest.fixture(params=[False, True], ids=["whole", "behind"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A world whose workers save batches whole, or their checkpoints behind."""
    world = World(saves_behind=request.param)
    await world.log.start()
    yield world
    await world.log.stop()
