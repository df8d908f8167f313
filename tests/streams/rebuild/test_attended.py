"""A rebuild without a worker beside it says so within seconds, and changes nothing."""

import asyncio

import msgspec
import pytest

from projections.generations import Pause, replace_pointer
from streams.rebuild.attended import needs_a_worker
from streams.rebuild.lease import Refused
from tests.eventually import eventually
from tests.streams.world import World, said


async def test_with_a_worker_it_passes_and_the_worker_goes_on(world: World) -> None:
    async with world.working():
        await world.append(said("room", 0))
        await world.passed()
        await asyncio.wait_for(needs_a_worker(world.fold(world.documents), world.documents, world.health), 5)
        assert (await world.pointer()).pause is None
        await world.append(said("room", 1))
        await eventually(lambda: len(world.kept.pushes) == 2)


async def test_without_one_it_is_refused_in_time_and_nothing_is_left(world: World) -> None:
    await world.append(said("room", 0))
    with pytest.raises(Refused, match="nobody works messages: start `caas worker messages`") as refused:
        await needs_a_worker(world.fold(world.documents), world.documents, world.health, within_s=0.2)
    assert refused.value.code == "no_worker"
    assert (await world.pointer()).pause is None


async def test_a_pause_that_another_rebuild_asked_for_is_left_alone(world: World) -> None:
    old = await world.pointer()
    paused = msgspec.structs.replace(old, pause=Pause(request="theirs", seconds=60))
    assert await replace_pointer(world.documents, "messages", paused, old)
    await needs_a_worker(world.fold(world.documents), world.documents, world.health, within_s=0.2)
    assert (await world.pointer()).pause == paused.pause


async def test_a_cancelled_question_takes_its_pause_back(world: World) -> None:
    processor = world.fold(world.documents)
    asking = asyncio.create_task(needs_a_worker(processor, world.documents, world.health, within_s=60))

    async def asked() -> bool:
        return (await world.pointer()).pause is not None

    await eventually(asked)
    asking.cancel()
    await asyncio.wait([asking])
    assert (await world.pointer()).pause is None
