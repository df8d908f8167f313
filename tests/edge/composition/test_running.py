"""A system can be used whether another process runs it or not."""

import asyncio
import io
import json
from pathlib import Path

import msgspec
import pytest

from core.health import Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.composition import compose
from edge.composition.running import caught_up, live_generation, reading, working
from edge.process.logs import set_up
from tests.streams.world import said

ALL = compose.PROCESSORS
ROOM = "6f1d1f8a-0000-5000-8000-000000000001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "data"))


async def test_reader_runs_processors_if_no_process_does(settings: Settings) -> None:
    health = Health()
    async with reading(settings, health) as found:
        await found.log.append(said(ROOM, 1))
        await caught_up(found, ALL, health)
        assert await live_generation("messages", found, health) == 1
        assert await found.documents.checkpoints("messages", 1)


async def test_lines_that_a_processor_logs_name_it(settings: Settings) -> None:
    stream, health = io.StringIO(), Health()
    set_up(stream).set_format("json")
    async with reading(settings, health) as found:
        await found.log.append(msgspec.structs.replace(said(ROOM, 1), headers=()))
        await caught_up(found, ("messages", "search"), health)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    dead = [line for line in lines if line["logger"] == "caas.dead_letters"]
    assert {line["processor"] for line in dead} >= {"messages", "search"}
    assert all(line["message"].startswith(f"{line['processor']}: dead letter ") for line in dead)


async def test_reader_opens_beside_a_running_process(settings: Settings) -> None:
    health = Health()
    async with compose.opened(compose.embedded(settings)) as system, working(system, settings, health):
        await system.log.append(said(ROOM, 1))
        async with reading(settings, Health()) as found:
            await caught_up(found, ALL, health)
            with pytest.raises(Unavailable):
                await found.log.append(said(ROOM, 2))
            with pytest.raises(Unavailable):
                await found.documents.compare_and_set("p", {}, None)
        async with reading(settings, Health(), "rebuild") as found:
            with pytest.raises(Unavailable):
                await found.log.append(said(ROOM, 2))
            assert await found.documents.compare_and_set("p", {}, None)


async def test_caught_up_waits_for_the_current_end_of_the_log(settings: Settings) -> None:
    health = Health()
    async with compose.opened(compose.embedded(settings)) as system:
        await system.log.append(said(ROOM, 1))
        waiting = asyncio.create_task(caught_up(system, ALL, health))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        async with working(system, settings, health):
            await asyncio.wait_for(waiting, 10)


async def test_error_of_the_block_is_raised_unchanged(settings: Settings) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with reading(settings, Health()):
            raise ValueError("mine")
