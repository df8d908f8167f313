"""A rebuild without a worker fails within seconds, and changes nothing."""

import asyncio

import msgspec
import pytest

from projections.generations import Pause, replace_pointer
from streams.rebuild.attended import require_worker
from streams.rebuild.lease import Refused
from tests.eventually import eventually
from tests.streams.world import World, said


async def test_check_passes_with_a_worker_and_the_worker_continues(world: World) -> None:
    async with world.working():
        await world.append(said("room", 0))
        await world.passed()
        await asyncio.wait_for(require_worker(world.fold(world.documents), world.documents, world.health), 5)
        assert (await world.pointer()).pause is None
        await world.append(said("room", 1))
        await eventually(lambda: len(world.emitter.pushes) == 2)


async def test_check_without_a_worker_is_refused_and_leaves_nothing(world: World) -> None:
    await world.append(said("room", 0))
    with pytest.raises(Refused, match="messages has no worker: start `caas worker messages`") as refused:
        await require_worker(world.fold(world.documents), world.documents, world.health, timeout_s=0.2)
    assert refused.value.code == "no_worker"
    assert (await world.pointer()).pause is None


async def test_pause_of_another_rebuild_is_not_changed(world: World) -> None:
    old = await world.pointer()
    paused = msgspec.structs.replace(old, pause=Pause(request="theirs", seconds=60))
    assert await replace_pointer(world.documents, "messages", paused, old)
    await require_worker(world.fold(world.documents), world.documents, world.health, timeout_s=0.2)
    assert (await world.pointer()).pause == paused.pause


async def test_cancelled_check_withdraws_its_pause(world: World) -> None:
    processor = world.fold(world.documents)
    asking = asyncio.create_task(require_worker(processor, world.documents, world.health, timeout_s=60))

    async def asked() -> bool:
        return (await world.pointer()).pause is not None

    await eventually(asked)
    asking.cancel()
    await asyncio.wait([asking])
    assert (await world.pointer()).pause is None
