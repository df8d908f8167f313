"""What a batch persisted of a conversation is one record, which names it in order and has the same id when repeated."""

import msgspec
import pytest

from core.positions import position
from projections.facts import Fact
from schemas import envelope, ids
from schemas.envelope import MAX_HEADER_BYTES, Envelope, Known, Record
from schemas.events import MessageDelivered, PersistedMessage
from schemas.topics import MESSAGE_DELIVERED, MESSAGE_SENT
from streams.log.kafka.client import MAX_RECORD
from streams.processors.messages import Messages
from streams.processors.persisted_records import MAX_MESSAGES, Persisted, records_of
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, World, edited, said, stored


def saved(n: int, room: str = "room", sender: str = "ann", tenant: str = TENANT) -> Persisted:
    about = Envelope(
        id=f"e{n}",
        type="caas.message.sent.v1",
        source="/caas/edge/node-1",
        time=f"2026-11-20T09:30:00.{n:03}Z",
        subject=room,
        tenant=tenant,
        correlation_id=f"c{n}",
        actor=sender,
    )
    message = PersistedMessage(message_id=f"m{n}", sender=sender, seq=n, event_id=about.id, correlation_id=f"c{n}")
    return Fact(MESSAGE_SENT, position(1, n), about, None), message


def read(record: Record) -> tuple[Envelope, MessageDelivered]:
    found = envelope.read(record.topic, record.key, record.value, record.headers)
    assert isinstance(found, Known)
    assert isinstance(found.event, MessageDelivered)
    return found.envelope, found.event


def named(*records: Record) -> list[list[str]]:
    return [[message.message_id for message in read(record)[1].messages] for record in records]


def id_of(*persisted: Persisted) -> str:
    [record] = records_of(persisted)
    return read(record)[0].id


def test_messages_of_a_conversation_are_one_record_in_their_order() -> None:
    batch = [saved(1), saved(2, "other"), saved(3), saved(4, "other"), saved(5)]
    records = records_of(batch)
    assert [(record.topic, record.key) for record in records] == [
        (MESSAGE_DELIVERED, b"room"),
        (MESSAGE_DELIVERED, b"other"),
    ]
    assert named(*records) == [["m1", "m3", "m5"], ["m2", "m4"]]


def test_each_message_keeps_its_own_sender_event_and_correlation_id() -> None:
    [record] = records_of([saved(1, sender="ann"), saved(2, sender="bob")])
    _, event = read(record)
    assert event.stage == "persisted"
    assert [(one.sender, one.seq, one.event_id, one.correlation_id) for one in event.messages] == [
        ("ann", 1, "e1", "c1"),
        ("bob", 2, "e2", "c2"),
    ]


def test_record_has_the_last_message_as_its_cause() -> None:
    [record] = records_of([saved(1, sender="ann"), saved(2, sender="bob")])
    headers, event = read(record)
    assert (headers.causation_id, headers.correlation_id, headers.actor) == ("e2", "c2", "bob")
    assert event.at == headers.time == "2026-11-20T09:30:00.002Z"
    assert headers.source == "/caas/streams/messages"


def test_conversations_of_two_tenants_are_never_one_record() -> None:
    assert named(*records_of([saved(1), saved(2, tenant="else"), saved(3)])) == [["m1", "m3"], ["m2"]]


def test_id_derives_from_everything_that_is_named() -> None:
    assert id_of(saved(1), saved(2)) == id_of(saved(1), saved(2)) == ids.effect_id("e1 e2", "persisted")
    others = {id_of(saved(1)), id_of(saved(2)), id_of(saved(2), saved(1)), id_of(saved(1), saved(2), saved(3))}
    assert len(others | {id_of(saved(1), saved(2))}) == 5


def test_record_of_one_message_has_the_id_that_it_had_in_version_1() -> None:
    assert id_of(saved(1)) == ids.effect_id("e1", "persisted")


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (MAX_MESSAGES, [MAX_MESSAGES]),
        (MAX_MESSAGES + 1, [MAX_MESSAGES, 1]),
        (2 * MAX_MESSAGES + 3, [MAX_MESSAGES, MAX_MESSAGES, 3]),
    ],
)
def test_record_has_a_maximum_number_of_messages(count: int, sizes: list[int]) -> None:
    records = named(*records_of(saved(n) for n in range(count)))
    assert [len(record) for record in records] == sizes
    assert [one for record in records for one in record] == [f"m{n}" for n in range(count)]


def test_record_of_the_longest_ids_is_much_smaller_than_the_log_accepts() -> None:
    longest = "x" * MAX_HEADER_BYTES
    fact, _ = saved(1)
    message = PersistedMessage(
        message_id=longest, sender=longest, seq=2**53, event_id=longest, correlation_id=longest, lane="reaction"
    )
    [record] = records_of([(fact, message)] * MAX_MESSAGES)
    assert len(record.value or b"") < MAX_RECORD / 4


async def test_batch_names_messages_and_changes_of_a_conversation_in_one_record(world: World) -> None:
    worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
    await worker.begin(1, epoch=1)
    batch = [stored(said("room", 0), 0), stored(said("other", 0), 1), stored(edited("room", 0, "new"), 0)]
    await worker.work(batch)
    bodies = [msgspec.json.decode(record.value or b"") for record in world.emitter.logged]
    assert [(body["conversation_id"], body["at"]) for body in bodies] == [("room", AT), ("other", AT)]
    lanes = [[one.get("lane", "sent") for one in body["messages"]] for body in bodies]
    assert lanes == [["sent", "edited"], ["sent"]]


async def test_batches_divided_in_another_way_name_the_same_messages(world: World) -> None:
    records = [stored(said("room", n), n) for n in range(4)]
    for sizes in ([4], [1, 3], [2, 2]):
        worker = Worker(Messages(world.documents), world.documents, world.emitter, world.health)
        await worker.begin(1, epoch=1)
        world.emitter.logged.clear()
        start = 0
        for size in sizes:
            await worker.work(records[start : start + size])
            start += size
        messages = [message for record in world.emitter.logged for message in read(record)[1].messages]
        assert [message.seq for message in messages] == [1, 2, 3, 4]
        assert len(world.emitter.logged) == len(sizes)
