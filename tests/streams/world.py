"""World is a system in memory: a log, documents that can be down, and a live worker whose effects are recorded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from core.health import Health
from core.ports.documents import Changes, Documents, Row, TableGeneration
from core.ports.effects import Durable, Effects, already_durable
from core.ports.event_log import Received, Unavailable
from core.positions import position
from projections.conversations import conversation_rows
from projections.generations import Pointer, read_pointer
from projections.messages import message_rows
from projections.stores.memory import MemoryDocuments
from schemas import envelope, events, ids
from schemas.envelope import Record
from schemas.topics import Partition, partitions
from schemas.wire.frames import Push
from streams.log.memory import MemoryLog
from streams.processors.conversations import Conversations
from streams.processors.messages import Messages
from streams.rebuild.replay import Fold
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.save_behind import SaveBehind
from streams.runtime.worker import Worker
from tests.eventually import eventually

TENANT = "acme"
AT = "2026-11-20T09:30:00.000Z"
CORRELATION = "6f1d1f8a-0000-4000-8000-0000000000ff"


def encoded(event: events.Event, event_id: str, actor: str) -> Record:
    return envelope.encode(event, event_id=event_id, source="/test", correlation_id=CORRELATION, actor=actor)


def said(room: str, n: int, text: str = "", sender: str = "ann") -> Record:
    key = f"{room}-{n}"
    message_id = ids.message_id(TENANT, room, sender, key)
    event = events.MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=room,
        message_id=message_id,
        sender=sender,
        client_msg_id=key,
        text=text or f"text {n}",
        conversation_n=1,
    )
    return encoded(event, message_id, sender)


def edited(room: str, n: int, text: str, sender: str = "ann") -> Record:
    message_id = ids.message_id(TENANT, room, sender, f"{room}-{n}")
    event = events.MessageEdited(
        tenant=TENANT, at=AT, conversation_id=room, message_id=message_id, editor=sender, text=text
    )
    return encoded(event, ids.derive(TENANT, message_id, sender, "message:edit", text), sender)


def opened(room: str, *members: str) -> Record:
    event = events.ConversationCreated(
        tenant=TENANT,
        at=AT,
        conversation_id=room,
        actor="ann",
        kind="group",
        participants={"ann": "owner", **dict.fromkeys(members, "member")},
    )
    return encoded(event, f"open {room}", "ann")


def joined(room: str, who: str, at_seq: int = 0) -> Record:
    event = events.ParticipantsAdded(
        tenant=TENANT, at=AT, conversation_id=room, actor="ann", participants={who: "member"}, at_seq=at_seq
    )
    return encoded(event, f"join {room} {who} {at_seq}", "ann")


def left(room: str, who: str, at_seq: int = 0) -> Record:
    """Return the record of a departure."""
    event = events.ParticipantsRemoved(
        tenant=TENANT, at=AT, conversation_id=room, actor=who, participants=[who], at_seq=at_seq
    )
    return encoded(event, f"leave {room} {who} {at_seq}", who)


def titled(room: str, title: str) -> Record:
    event = events.ConversationChanged(tenant=TENANT, at=AT, conversation_id=room, actor="ann", title=title)
    return encoded(event, f"title {room} {title}", "ann")


def stored(record: Record, offset: int = 0, at: int = 0) -> Received:
    """Return a record as a reader gets it, without a log."""
    return Received(record.topic, at, offset, position(1, offset), record.key, record.value, record.headers)


def _ignore(_: str) -> None:
    pass


class FrailDocuments(MemoryDocuments):
    """Documents in memory that can be down; `down_after`: after this number of pointers with this prefix were set."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.down_after = ("", 0)
        self.on_pointer_set: Callable[[str], None] = _ignore

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the store is down")

    async def get(self, place: TableGeneration, row_ids: Iterable[str]) -> dict[str, Row]:
        self._check()
        return await super().get(place, row_ids)

    async def save(self, changes: Changes) -> frozenset[str]:
        self._check()
        return await super().save(changes)

    async def pointer(self, name: str) -> dict[str, Any] | None:
        self._check()
        return await super().pointer(name)

    async def compare_and_set(self, name: str, document: Mapping[str, Any], expected: Mapping[str, Any] | None) -> bool:
        self._check()
        done = await super().compare_and_set(name, document, expected)
        self.on_pointer_set(name)
        prefix, count = self.down_after
        if done and prefix and name.startswith(prefix):
            self.down_after = (prefix, count - 1) if count > 1 else ("", 0)
            self.down = count == 1
        return done

    async def checkpoints(self, processor: str, generation: int) -> dict[Partition, int]:
        self._check()
        return await super().checkpoints(processor, generation)

    async def scan(self, place: TableGeneration, *, after: str = "", limit: int = 1000) -> list[Row]:
        self._check()
        return await super().scan(place, after=after, limit=limit)

    def change(self, place: TableGeneration, row_id: str, facet: str, **fields: Any) -> None:
        """Change a row without the worker's knowledge."""
        self._rows[place.table.model, place.table.name, place.generation][row_id][facet] |= fields

    def lose_row(self, place: TableGeneration, row_id: str) -> None:
        """Remove a row without the worker's knowledge."""
        del self._rows[place.table.model, place.table.name, place.generation][row_id]

    def newest(self, place: TableGeneration, facet: str) -> str:
        """Return the row whose facet was written last."""
        rows = self._rows[place.table.model, place.table.name, place.generation]
        return max((row[facet]["pos"] % 2**48, row_id) for row_id, row in rows.items() if facet in row)[1]

    def forget(self, model: str, generation: int) -> None:
        """Empty a generation, as an older backup would."""
        for name, table, number in list(self._rows):
            if (name, number) == (model, generation):
                self._rows[name, table, number] = {}
        self._checkpoints = {at: saved for at, saved in self._checkpoints.items() if at[1] != generation}

    def generations(self, model: str) -> set[int]:
        """Return the generations that have tables."""
        return {generation for name, _, generation in self._rows if name == model}


class ShortLog(MemoryLog):
    """A log that has lost the beginning of one partition."""

    async def beginning_offsets(self, places: Iterable[Partition]) -> dict[Partition, int]:
        return {**(await super().beginning_offsets(places)), Partition("message.sent", 2): 17}


class RecordingEmitter:
    """An emitter that records what it was given."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.logged: list[Record] = []

    async def begin(self, effects: Effects) -> Durable:
        await self.emit(effects)
        return already_durable

    async def emit(self, effects: Effects) -> None:
        await asyncio.sleep(0)
        self.pushes += effects.hints
        self.logged += effects.logged

    def counted(self) -> Counter[tuple[str, str, int]]:
        """Return how often each change was pushed."""
        return Counter((push.conversation_id, push.lane, push.n) for push in self.pushes if push.lane)


class World:
    """One read model; all parts share the log and the documents."""

    def __init__(self, model: str = message_rows.MODEL, *, saves_behind: bool = False) -> None:
        self.saves_behind = saves_behind
        self.log = MemoryLog()
        self.documents = FrailDocuments()
        self.health = Health()
        self.emitter = RecordingEmitter()
        self.fold: Fold = Messages
        self.use_model(model)
        self.progress_reports: list[tuple[int, int]] = []

    def use_model(self, model: str) -> None:
        self.model = model
        self.fold = Messages if model == message_rows.MODEL else Conversations

    def worker(self, emitter: RecordingEmitter | None = None) -> Worker:
        """Return a worker, which saves checkpoints behind if this world does."""
        documents: Documents = self.documents
        if self.saves_behind:
            documents = SaveBehind(self.documents, self.health, self.model)
        return Worker(self.fold(documents), documents, emitter or self.emitter, self.health)

    def runner(self, emitter: RecordingEmitter | None = None, limit: int = 50) -> PlainRunner:
        worker = self.worker(emitter)
        return PlainRunner(worker, self.log, self.documents, self.health, limit)

    @asynccontextmanager
    async def working(self, limit: int = 50) -> AsyncIterator[asyncio.Task[None]]:
        """Run a live worker on the plain runner."""
        generation = (await self.pointer()).live
        task = asyncio.create_task(self.runner(limit=limit).run(generation), name="live")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def pointer(self) -> Pointer:
        return await read_pointer(self.documents, self.model)

    async def append(self, *records: Record) -> None:
        await asyncio.gather(*(self.log.append(record) for record in records))

    async def passed(self) -> None:
        """Wait until the live generation has passed the log's current ends."""
        places = partitions(*self.fold(self.documents).topics)
        ends = await self.log.end_offsets(places)

        async def all_passed() -> bool:
            saved = await self.documents.checkpoints(self.model, (await self.pointer()).live)
            return all(saved.get(at, 0) >= position(1, end) for at, end in ends.items() if end)

        await eventually(all_passed, within=20)

    async def rows(self, generation: int) -> dict[str, dict[str, Row]]:
        """Return all rows of a generation, by table."""
        tables = self.fold(self.documents).tables
        pages = {
            table.name: await self.documents.scan(TableGeneration(table, generation), limit=100_000) for table in tables
        }
        return {name: {row["_id"]: row for row in page} for name, page in pages.items()}

    def progress(self, done: int, total: int) -> None:
        self.progress_reports.append((done, total))


ROWS, HEADS = message_rows.ROWS, message_rows.HEADS
PARTICIPANTS = conversation_rows.PARTICIPANTS
