"""The `audit` processor saves each record once, under its number, and emits nothing."""

from typing import Any

import pytest

from core.ports.documents import Row, TableGeneration
from projections.audit import audit_rows
from schemas.envelope import Record
from schemas.events import AuditRecorded
from streams.processors.audit import Audit
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, encoded, stored


def recorded(key: str, actor: str = "ann", tenant: str = TENANT) -> Record:
    about = {"action": "audit:query", "entity_type": "audit_log", "entity_id": "", "outcome": "success"}
    return encoded(AuditRecorded(tenant=tenant, at=AT, actor=actor, **about), key, actor)  # type: ignore[arg-type]


async def numbers(world: World) -> dict[str, int]:
    rows = await world.documents.scan(TableGeneration(audit_rows.ROWS, 1))
    return {row["_id"]: row["log"]["n"] for row in rows}


async def test_record_is_saved_once_under_its_number(world: World) -> None:
    worker = Worker(Audit(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    await worker.work([stored(recorded("a"), 0), stored(recorded("b"), 1), stored(recorded("a"), 2)])
    await worker.work([stored(recorded("b"), 3), stored(recorded("c"), 4)])
    assert await numbers(world) == {"a": 1, "b": 2, "c": 3}
    assert (world.emitter.logged, world.emitter.pushes) == ([], [])


async def test_another_worker_goes_on_with_the_numbers(world: World) -> None:
    for at, key in enumerate(("a", "b", "c")):
        worker = Worker(Audit(world.documents), world.documents, world.emitter, world.health)
        await worker.begin(1, epoch=1)
        await worker.work([stored(recorded(key), at)])
    assert await numbers(world) == {"a": 1, "b": 2, "c": 3}


async def test_records_before_are_read_only_where_a_tile_is_filled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    find = world.documents.find

    async def noted(*arguments: Any, **options: Any) -> list[Row]:
        found = await find(*arguments, **options)
        asked.append(len(found))
        return found

    monkeypatch.setattr(world.documents, "find", noted)
    worker = Worker(Audit(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    for begin, end in ((0, 100), (100, 255), (255, 258), (258, 300)):
        await worker.work([stored(recorded(f"r{n}"), n) for n in range(begin, end)])
    assert asked == [255]
