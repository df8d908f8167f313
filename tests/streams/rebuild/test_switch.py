"""A switch makes a generation the live one, or is aborted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from core.ports.documents import Changes, Checkpoint
from core.positions import position
from projections.generations import partition_name, replace_pointer
from schemas.topics import MESSAGE_SENT, partition_of
from streams.rebuild.switch import Offsets, Switch, SwitchAborted
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


async def test_candidate_reaches_the_workers_offsets_and_is_live(world: World, switch: Switch) -> None:
    seen: list[Offsets] = []

    async def ready(offsets: Offsets) -> None:
        seen.append(offsets)
        await world.documents.save(Changes([], [], Checkpoint("messages", 2, {AT: position(1, offsets[AT])})))

    assert 0 < await switch.make(ready) < 10_000
    [offsets] = seen
    assert len(offsets) == 15 and offsets[AT] == 3
    pointer = await world.pointer()
    assert (pointer.live, pointer.before, pointer.turn, pointer.pause) == (2, 1, 1, None)
    assert pointer.effects_from[partition_name(AT)] == position(1, 3)


async def test_records_are_not_applied_while_the_candidate_catches_up(world: World, switch: Switch) -> None:
    async def ready(_: Offsets) -> None:
        await world.append(said("room", 9))
        await asyncio.sleep(0.2)
        assert len(world.emitter.pushes) == 3
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await switch.make(ready)
    await eventually(lambda: len(world.emitter.pushes) == 4)
    assert (await world.pointer()).pause is None


async def test_slow_switch_is_aborted(world: World, switch: Switch) -> None:
    async def ready(_: Offsets) -> None:
        await asyncio.Event().wait()

    with pytest.raises(SwitchAborted, match="more than"):
        await replace(switch, pause_s=0.2).make(ready)
    assert ((await world.pointer()).live, (await world.pointer()).pause) == (1, None)


async def test_worker_that_advanced_after_it_confirmed_forbids_the_switch(world: World, switch: Switch) -> None:
    async def ready(_: Offsets) -> None:
        await world.documents.save(Changes([], [], Checkpoint("messages", 1, {AT: position(1, 4)})))

    with pytest.raises(SwitchAborted, match="went on"):
        await switch.make(ready)
    assert (await world.pointer()).live == 1


async def test_switch_is_aborted_when_another_rebuild_has_begun(world: World, switch: Switch) -> None:
    async def ready(_: Offsets) -> None:
        old = await world.pointer()
        await replace_pointer(world.documents, "messages", msgspec.structs.replace(old, newest=3), old)

    with pytest.raises(SwitchAborted):
        await switch.make(ready)
    with pytest.raises(SwitchAborted, match="another rebuild"):
        await switch.make(ready)
    pointer = await world.pointer()
    assert (pointer.live, pointer.newest, pointer.pause) == (1, 3, None)


async def test_cancelled_tool_withdraws_its_pause(world: World, switch: Switch) -> None:
    reached = asyncio.Event()

    async def ready(_: Offsets) -> None:
        reached.set()
        await asyncio.Event().wait()

    making = asyncio.create_task(switch.make(ready))
    await asyncio.wait_for(reached.wait(), 5)
    making.cancel()
    await asyncio.wait([making])
    assert making.cancelled() and (await world.pointer()).pause is None
