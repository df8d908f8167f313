"""The `audit_events` processor appends one record for each event of a command, under an id that derives from it."""

import msgspec

from projections.stores.memory import MemoryDocuments
from schemas import events, ids
from schemas.envelope import Known, read
from schemas.topics import AUDIT_LOG, DEAD_LETTER
from streams.processors.audit_events import AuditEvents
from streams.runtime.worker import Worker
from tests.streams.world import AT, CORRELATION, TENANT, World, encoded, opened, said, stored

ROOM = "room"


async def worker_of(world: World) -> Worker:
    worker = Worker(AuditEvents(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    return worker


async def test_each_event_has_one_record_with_an_id_of_its_own(world: World) -> None:
    worker = await worker_of(world)
    await worker.work([stored(opened(ROOM, "bob"))])
    await worker.work([stored(said(ROOM, 1, "a secret"))])
    first, second = world.emitter.logged
    assert {first.topic, second.topic} == {AUDIT_LOG}
    assert (first.key, second.key) == (TENANT.encode(), TENANT.encode())
    sent_id = ids.message_id(TENANT, ROOM, "ann", f"{ROOM}-1")
    found = read(second.topic, second.key, second.value, second.headers)
    assert isinstance(found, Known)
    assert found.envelope.id == ids.effect_id(sent_id, "audit")
    assert (found.envelope.causation_id, found.envelope.correlation_id) == (sent_id, CORRELATION)
    assert (found.envelope.source, found.envelope.actor) == ("/caas/streams/audit_events", "ann")
    assert isinstance(found.event, events.AuditRecorded)
    assert (found.event.action, found.event.entity_id) == ("message:send", sent_id)
    assert b"secret" not in (second.value or b"")


async def test_repeated_batch_gives_the_same_records(world: World) -> None:
    batch = [stored(said(ROOM, n), n) for n in range(3)]
    for _ in range(2):
        worker = Worker(AuditEvents(MemoryDocuments()), MemoryDocuments(), world.emitter, world.health)
        await worker.begin(1, epoch=1)
        await worker.work(batch)
    assert len(world.emitter.logged) == 6
    assert world.emitter.logged[:3] == world.emitter.logged[3:]


async def test_unreadable_event_has_a_record_and_is_a_dead_letter(world: World) -> None:
    worker = await worker_of(world)
    await worker.work([stored(msgspec.structs.replace(said(ROOM, 1), value=b"{torn"))])
    assert sorted(record.topic for record in world.emitter.logged) == [AUDIT_LOG, DEAD_LETTER]


async def test_event_of_no_command_has_none(world: World) -> None:
    worker = await worker_of(world)
    acted = events.UserActed(tenant=TENANT, at=AT, user_id="ann", action="archived", subject=ROOM)
    await worker.work([stored(encoded(acted, "e1", "ann"))])
    assert world.emitter.logged == []
