"""The `audit` processor saves each record once, under its number, and emits nothing."""

from core.ports.documents import TableGeneration
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
