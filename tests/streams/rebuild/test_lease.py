"""One rebuild of a model at a time."""

import asyncio

import pytest

from core.health import Health
from streams.rebuild import lease as leases
from streams.rebuild.lease import Lease, Refused
from tests.streams.world import FrailDocuments


def lease(documents: FrailDocuments, request: str) -> Lease:
    return Lease(documents, "messages", request, Health())


async def test_second_holder_is_refused_while_the_first_is_alive() -> None:
    documents = FrailDocuments()
    async with lease(documents, "one"):
        with pytest.raises(Refused) as refused:
            async with lease(documents, "two"):
                pass
    assert refused.value.code == "rebuild_running"


async def test_next_holder_finds_what_the_first_kept() -> None:
    documents = FrailDocuments()
    async with lease(documents, "one") as first:
        assert first.kept is None
        first.kept = {"digest": "d"}
    async with lease(documents, "two") as second:
        assert second.kept == {"digest": "d"}


async def test_lease_of_a_dead_holder_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "DEAD_AFTER_S", 0.2)
    documents = FrailDocuments()
    await documents.compare_and_set("rebuild messages", {"request": "dead", "beat": 4, "kept": None}, None)
    async with lease(documents, "two"):
        found = await documents.pointer("rebuild messages")
        assert found is not None and found["request"] == "two"


async def test_one_of_two_concurrent_holders_gets_the_lease() -> None:
    documents = FrailDocuments()
    held: list[str] = []

    async def hold(request: str) -> None:
        async with lease(documents, request):
            held.append(request)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(hold(request)) for request in ("one", "two")]
    done, _ = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [Refused]
    assert len(held) == 1
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
