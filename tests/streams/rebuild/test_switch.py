"""The moment a generation becomes the live one, or does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from core.ports.documents import Changes, Checkpoint
from core.positions import position
from projections.generations import partition_name, replace_pointer
from schemas.topics import MESSAGE_SENT, partition_of
from streams.rebuild.switch import CalledOff, Stands, Switch
from tests.eventually import eventually
from tests.streams.world import World, said

AT = partition_of(MESSAGE_SENT, b"room")


@pytest.fixture
async def switch(world: World) -> AsyncIterator[Switch]:
    """A switch to generation 2, with a live worker that has saved three records."""
    await world.append(*(said("room", n) for n in range(3)))
    async with world.working():
        await world.passed()
        await eventually(lambda: began(world))
        yield Switch(world.fold(world.documents), world.documents, world.health, 1, 2, 10.0)


async def began(world: World) -> bool:
    old = await world.pointer()
    return old.version > 0 and await replace_pointer(
        world.documents, "messages", msgspec.structs.replace(old, newest=2), old
    )


async def test_the_candidate_is_brought_to_where_the_workers_stand_and_then_live(world: World, switch: Switch) -> None:
    seen: list[Stands] = []

    async def ready(stands: Stands) -> None:
        seen.append(stands)
        await world.documents.save(Changes([], [], Checkpoint("messages", 2, {AT: position(1, stands[AT])})))

    assert 0 < await switch.make(ready) < 10_000
    [stands] = seen
    assert len(stands) == 15 and stands[AT] == 3
    pointer = await world.pointer()
    assert (pointer.live, pointer.before, pointer.turn, pointer.pause) == (2, 1, 1, None)
    assert pointer.effects_from[partition_name(AT)] == position(1, 3)


async def test_nothing_is_worked_while_the_candidate_is_made_ready(world: World, switch: Switch) -> None:
    async def ready(_: Stands) -> None:
        await world.append(said("room", 9))
        await asyncio.sleep(0.2)
        assert len(world.kept.pushes) == 3
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await switch.make(ready)
    await eventually(lambda: len(world.kept.pushes) == 4)
    assert (await world.pointer()).pause is None


async def test_what_takes_too_long_is_called_off(world: World, switch: Switch) -> None:
    async def ready(_: Stands) -> None:
        await asyncio.Event().wait()

    with pytest.raises(CalledOff, match="more than"):
        await replace(switch, pause_s=0.2).make(ready)
    assert ((await world.pointer()).live, (await world.pointer()).pause) == (1, None)


async def test_a_worker_that_went_on_after_it_confirmed_forbids_it(world: World, switch: Switch) -> None:
    async def ready(_: Stands) -> None:
        await world.documents.save(Changes([], [], Checkpoint("messages", 1, {AT: position(1, 4)})))

    with pytest.raises(CalledOff, match="went on"):
        await switch.make(ready)
    assert (await world.pointer()).live == 1


async def test_when_another_rebuild_has_begun_it_is_called_off(world: World, switch: Switch) -> None:
    async def ready(_: Stands) -> None:
        old = await world.pointer()
        await replace_pointer(world.documents, "messages", msgspec.structs.replace(old, newest=3), old)

    with pytest.raises(CalledOff):
        await switch.make(ready)
    with pytest.raises(CalledOff, match="another rebuild"):
        await switch.make(ready)
    pointer = await world.pointer()
    assert (pointer.live, pointer.newest, pointer.pause) == (1, 3, None)


async def test_a_tool_that_is_cancelled_takes_its_pause_back(world: World, switch: Switch) -> None:
    reached = asyncio.Event()

    async def ready(_: Stands) -> None:
        reached.set()
        await asyncio.Event().wait()

    making = asyncio.create_task(switch.make(ready))
    await asyncio.wait_for(reached.wait(), 5)
    making.cancel()
    await asyncio.wait([making])
    assert making.cancelled() and (await world.pointer()).pause is None
