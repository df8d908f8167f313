"""The plain runner: live from what is acknowledged, bounded from what is saved."""

import asyncio

from core.ports.documents import TableGeneration
from core.positions import position
from schemas.topics import MESSAGE_SENT, partition_of
from streams.runtime.lineage import acknowledged
from tests.eventually import eventually
from tests.streams.world import ROWS, Kept, World, said

AT = partition_of(MESSAGE_SENT, b"room")


async def test_it_works_what_is_there_and_what_comes(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await world.append(said("room", 5))
        await eventually(lambda: len(world.kept.pushes) == 6)


async def test_on_cancellation_it_marks_what_is_acknowledged(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await eventually(lambda: len(world.kept.pushes) == 5)
    marks = await world.documents.checkpoints(acknowledged("messages"), 1)
    assert marks[AT] == position(1, 5)


async def test_a_second_start_repeats_nothing(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    for _ in range(2):
        async with world.working():
            await world.passed()
            await eventually(lambda: len(world.kept.pushes) == 5)
    assert set(world.kept.counted().values()) == {1}


class Stuck(Kept):
    """Emits nothing and never returns."""

    async def emit(self, effects: object) -> None:
        await asyncio.Event().wait()


async def test_effects_of_what_was_saved_and_not_emitted_are_repeated_after_a_crash(world: World) -> None:
    await world.append(*(said("room", n) for n in range(5)))
    crashing = asyncio.create_task(world.runner(Stuck()).run(1))
    await world.passed()
    crashing.cancel()
    await asyncio.wait([crashing])
    async with world.working():
        await eventually(lambda: len(world.kept.pushes) == 5)


async def test_a_store_that_is_down_at_the_end_does_not_hide_the_cancellation(world: World) -> None:
    async with world.working() as task:
        await eventually(lambda: recorded(world))
        world.documents.down = True
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def recorded(world: World) -> bool:
    return (await world.pointer()).version > 0


async def test_a_store_from_an_older_backup_heals_itself(world: World) -> None:
    """Its checkpoints and rows went back while nobody worked."""
    await world.append(*(said("room", n) for n in range(5)))
    async with world.working():
        await world.passed()
        await eventually(lambda: len(world.kept.pushes) == 5)
    world.documents.forget("messages", 1)
    async with world.working():
        await world.append(said("room", 5))
        await world.passed()
    assert sorted(row["sent"]["n"] for row in (await world.rows(1))["messages"].values()) == [1, 2, 3, 4, 5, 6]


async def test_a_replay_reads_exactly_up_to_its_bound_and_goes_on_from_there(world: World) -> None:
    await world.append(*(said("room", n) for n in range(10)))
    runner, counted = world.runner(limit=3), list[int]()
    await runner.replay(2, {AT: 4}, counted.append)
    assert await world.documents.checkpoints("messages", 2) == {AT: position(1, 4)}
    await runner.replay(2, {AT: 4}, counted.append)
    await runner.replay(2, {AT: 7}, counted.append)
    assert sum(counted) == 7
    assert len((await world.rows(2))["messages"]) == 7


async def test_rows_that_contradict_their_heads_make_it_wait_and_readiness_says_why(world: World) -> None:
    await world.append(said("room", 0))
    async with world.working():
        await world.passed()
    [row_id] = (await world.rows(1))["messages"]
    world.documents.remove(TableGeneration(ROWS, 1), row_id)
    await world.documents.drop([], (acknowledged("messages"), 1))
    await world.documents.drop([], ("messages", 1))
    async with world.working():
        await eventually(lambda: "has no row" in world.health.waiting.get("messages: rows", ""))
        assert await world.documents.checkpoints("messages", 1) == {}, "nothing was worked over the hole"
