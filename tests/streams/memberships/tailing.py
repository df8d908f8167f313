"""This module has histories of conversations, a processor that applies them, and the contents of a view."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from core.domain.conversation import Conversation
from core.health import Health
from core.ports.documents import Documents, Row, TableGeneration
from core.ports.event_log import EventLog, Received
from schemas import events
from schemas.envelope import Record
from schemas.topics import CONVERSATION_UPDATED, Partition, partitions
from streams.log.memory import LogStorage, MemoryLog
from streams.memberships.membership_tail import MembershipTail
from streams.processors.conversations import Conversations
from streams.rebuild.write_tracking import TrackedDocuments
from streams.runtime.worker import Worker
from tests.streams.world import AT, TENANT, RecordingEmitter, encoded, joined, opened, titled

ROOMS = ("a", "b", "c", "f")
"""Their ids are in all three partitions."""
PEOPLE = ("ann", "bob", "cid")
PLACES = partitions(CONVERSATION_UPDATED)
ALL = (1000,)
HISTORY = [opened(room, "bob") for room in ROOMS] + [joined("a", "cid", 4), titled("b", "x"), titled("b", "x")]


KINDS = ("open", "open", "add", "add", "remove", "roles", "pin", "unpin", "title", "unreadable", "foreign", "again")


@dataclass(frozen=True)
class Step:
    """One appended record: `again` repeats the record of an earlier step, or is nothing if it is the first."""

    kind: str
    room: str
    actor: str
    who: str
    back: int


steps = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        room=st.sampled_from(ROOMS),
        actor=st.sampled_from(PEOPLE),
        who=st.sampled_from(PEOPLE),
        back=st.integers(0, 10),
    ),
    max_size=40,
)


def records(history: Iterable[Step]) -> list[Record]:
    """Return the records of a history: some are not allowed, some precede the creation, some are repeated."""
    found: list[Record] = []
    for number, step in enumerate(history):
        if step.kind != "again":
            found.append(_record(step, f"{step.kind} {number}"))
        elif found:
            found.append(found[-1 - step.back % len(found)])
    return found


def _record(step: Step, event_id: str) -> Record:
    room, actor, who = step.room, step.actor, step.who
    match step.kind:
        case "open":
            people: dict[str, events.Role] = {who: "member", actor: "owner"}
            event: events.ConversationEvent = events.ConversationCreated(
                tenant=TENANT, at=AT, conversation_id=room, actor=actor, kind="group", participants=people
            )
        case "add":
            event = events.ParticipantsAdded(
                tenant=TENANT, at=AT, conversation_id=room, actor=actor, participants={who: "admin"}, at_seq=3
            )
        case "remove":
            event = events.ParticipantsRemoved(
                tenant=TENANT, at=AT, conversation_id=room, actor=actor, participants=[who], at_seq=4
            )
        case "roles":
            event = events.RolesChanged(tenant=TENANT, at=AT, conversation_id=room, actor=actor, roles={who: "owner"})
        case "pin":
            event = events.MessagePinned(tenant=TENANT, at=AT, conversation_id=room, actor=actor, message_id=who)
        case "unpin":
            event = events.MessageUnpinned(tenant=TENANT, at=AT, conversation_id=room, actor=actor, message_id=who)
        case "foreign":
            return Record(CONVERSATION_UPDATED, room.encode(), b"{}")
        case _:
            event = events.ConversationChanged(
                tenant=TENANT, at=AT, conversation_id=room, actor=actor, title=event_id, metadata={"by": who}
            )
    record = encoded(event, event_id, actor)
    if step.kind == "unreadable":
        return Record(record.topic, record.key, b"{", record.headers)
    return record


async def append(log: EventLog, appended: Iterable[Record]) -> None:
    await asyncio.gather(*(log.append(record) for record in appended))


async def work(log: EventLog, documents: Documents, sizes: Iterable[int], generation: int = 1) -> None:
    """Apply batches of these sizes, from the checkpoints on."""
    worker = Worker(Conversations(documents), documents, RecordingEmitter(), Health())
    start = {**dict.fromkeys(PLACES, 0), **await worker.begin(generation, log.epoch)}
    ends = await log.end_offsets(PLACES)
    waiting = [record async for batch in log.read(start, ends, limit=3) for record in batch]
    for size in sizes:
        batch, waiting = waiting[:size], waiting[size:]
        await worker.work(batch)


@asynccontextmanager
async def logged(*appended: Record, epoch: int = 1) -> AsyncIterator[MemoryLog]:
    """Yield a log with these records."""
    log = MemoryLog(LogStorage(epoch))
    await log.start()
    await append(log, appended)
    yield log
    await log.stop()


class Interrupted(TrackedDocuments):
    """Documents that let other tasks run for a number of turns before each read."""

    def __init__(self, documents: Documents, turns: Iterator[int]) -> None:
        super().__init__(documents)
        self._turns = turns

    async def _yield_turns(self) -> None:
        for _ in range(next(self._turns, 0)):
            await asyncio.sleep(0)

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        await self._yield_turns()
        return await super().checkpoints(processor, generation)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        await self._yield_turns()
        return await super().pointer(name)

    async def get(self, place: TableGeneration, ids: Iterable[str]) -> dict[str, Row]:
        await self._yield_turns()
        return await super().get(place, ids)

    async def find(self, place: TableGeneration, index: str, equals: Sequence[str], **how: Any) -> list[Row]:
        await self._yield_turns()
        found = await super().find(place, index, equals, **how)
        await self._yield_turns()
        return found


class TruncatedLog(MemoryLog):
    """A log that keeps its partitions from these offsets on."""

    def __init__(self, held: LogStorage, kept: Mapping[Partition, int]) -> None:
        super().__init__(held)
        self._kept = kept

    async def beginning_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        return {at: self._kept.get(at, 0) for at in places}

    async def read(
        self, start: Mapping[Partition, int], until: Mapping[Partition, int] | None = None, *, limit: int = 1000
    ) -> AsyncIterator[Sequence[Received]]:
        for at, offset in start.items():
            assert offset >= self._kept.get(at, 0), f"{at} has lost {offset}"
        async for batch in super().read(start, until, limit=limit):
            yield batch


@asynccontextmanager
async def tailing(log: EventLog, documents: Documents, health: Health | None = None) -> AsyncIterator[MembershipTail]:
    """Run a view; its error is raised at the end."""
    tail = MembershipTail(log, documents, health or Health())
    task = asyncio.create_task(tail.run(), name="tail")
    try:
        yield tail
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


@dataclass(frozen=True)
class Seen:
    """The contents of a view: each conversation, and those that each user was ever in, is in now, and their number."""

    rooms: Mapping[str, Conversation | None]
    people: Mapping[str, tuple[frozenset[str], frozenset[str], int]]


async def seen(tail: MembershipTail) -> Seen:
    """Return the contents of the view for the current log."""
    await tail.prove(None)
    rooms = {room: await tail.find(room) for room in ROOMS}
    return Seen(rooms, {user: await _of_user(tail, user) for user in PEOPLE})


async def _of_user(tail: MembershipTail, user: str) -> tuple[frozenset[str], frozenset[str], int]:
    count = (await tail.counts_of_users(TENANT, [user]))[user]
    await tail.follow(TENANT, user)
    try:
        return tail.of_user(TENANT, user), tail.present_of_user(TENANT, user), count
    finally:
        tail.unfollow(TENANT, user)
