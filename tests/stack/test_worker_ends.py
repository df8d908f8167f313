"""A worker that stops frees its partitions at once, and one that is killed and restarted gets them back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.composition.compose import Adapters
from tests.e2e.processes import Process
from tests.eventually import eventually
from tests.stack.live import LONG_S, Live, health_of, rows_of
from tests.stack.test_faust_worker import Talk, equals_a_replay, worked

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

SESSION_S = 30
"""Session timeout in seconds: a dead member keeps its partitions for that time, so anything faster did not wait for it.
"""
SOON_S = 10.0
"""Maximum duration in seconds, for a loaded machine; the actual one is printed."""


@pytest.fixture(autouse=True)
def long_session(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(live.system.environment, "CAAS_SESSION_TIMEOUT_MS", str(SESSION_S * 1000))


@asynccontextmanager
async def talk_in(found: Adapters) -> AsyncIterator[Talk]:
    talk = Talk(found)
    talking = asyncio.create_task(talk.run())
    try:
        yield talk
    finally:
        talk.over = True
        await talking


async def all_is_worked(talk: Talk, found: Adapters) -> None:
    """Wait until all messages sent so far are saved: each partition has a worker."""
    rooms = dict(talk.rooms)

    async def saved_up_to() -> None:
        for room, count in rooms.items():
            assert len(await rows_of(found, room)) >= count

    await eventually(saved_up_to, within=LONG_S)


@pytest.mark.parametrize("slots", [("1", "2"), (None, None)], ids=["with --slot", "without"])
async def test_stop_frees_the_partitions_at_once(live: Live, slots: tuple[str | None, str | None]) -> None:
    first, second = [await asyncio.to_thread(live.worker, *(("--slot", slot) if slot else ())) for slot in slots]
    async with live.adapters() as found, talk_in(found) as talk:
        await eventually(lambda: min(worked(first), worked(second)) > 100, within=LONG_S)
        assert await asyncio.to_thread(first.stop) == 0
        began = time.monotonic()
        await all_is_worked(talk, found)
        print({"slots": slots, "freed after s": round(time.monotonic() - began, 2)})
        assert time.monotonic() - began < SOON_S
    assert await asyncio.to_thread(second.stop) == 0


async def test_killed_worker_continues_soon_without_a_slot(live: Live) -> None:
    first = await asyncio.to_thread(live.worker)
    second = await asyncio.to_thread(live.worker)
    async with live.adapters() as found, talk_in(found) as talk:
        await eventually(lambda: min(worked(first), worked(second)) > 100, within=LONG_S)
        first.kill()
        began = time.monotonic()
        first.start()
        await all_is_worked(talk, found)
        print({"killed, back after s": round(time.monotonic() - began, 2)})
        assert time.monotonic() - began < SOON_S
        await eventually(lambda: _works(first), within=LONG_S)
    await asyncio.to_thread(equals_a_replay, live)
    for worker in (first, second):
        assert await asyncio.to_thread(worker.stop) == 0


def _works(worker: Process) -> bool:
    return health_of(worker)["counted"].get("messages_records", 0) > 0
