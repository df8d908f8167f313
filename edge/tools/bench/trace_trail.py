"""Generates the records that many requests leave in the log: messages, what was saved of them, receipts, audit records.

Messages come in groups of one conversation. A group has a `message.delivered` that names it all, and receipts of two
members. Most messages are requests of their own; some requests have a hundred, and one has more than a trace may show.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from core.ports.event_log import Received
from core.positions import position
from schemas import envelope
from schemas.events import AuditRecorded, Event, MessageDelivered, MessageSent, PersistedMessage
from schemas.topics import Partition, partition_of

CONVERSATIONS: Final = 5_000
GROUP: Final = 4
READERS: Final = ("bob", "cid")
STAGES: Final[tuple[tuple[int, Literal["delivered", "read"]], ...]] = ((7, "delivered"), (8, "read"))
"""What each of them reports, and the kind of its ids."""
EVERY: Final = 1_000
IN_BULK: Final = 100
"""Of `EVERY` messages the first so many are of one request."""
IN_LARGEST: Final = 1_500
"""The first messages, which are of one request: more than a trace shows."""
BEGIN_MS: Final = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
AT: Final = "2026-01-01T00:00:00.000Z"
INTERVAL_MS: Final = 2
"""Milliseconds of the log's time between two records."""


class TraceTrail:
    """At least `count` records of one tenant, the same for a seed, in the order in which the log got them."""

    def __init__(self, tenant: str, count: int, epoch: int, seed: int = 7) -> None:
        self._tenant = tenant
        self._count = count
        self._epoch = epoch
        self._seed = seed
        self.messages = 0
        """Number of messages generated so far."""
        self.ends: dict[Partition, int] = {}
        """The offset after the last record of each partition so far."""
        self._made = 0
        self._seqs: dict[str, int] = {}

    def records(self) -> Iterator[Received]:
        """Yield the records; once."""
        chance = random.Random(self._seed)  # noqa: S311 - to measure with
        while self._made < self._count:
            yield from self._group(f"room-{chance.randrange(CONVERSATIONS)}")

    def request_of(self, message: int) -> str:
        """Return the correlation id of a message, by its number."""
        if message < IN_LARGEST:
            return _id(1, 0)
        return _id(2, message // EVERY) if message % EVERY < IN_BULK else _id(3, message)

    def _group(self, room: str) -> Iterator[Received]:
        saved: list[PersistedMessage] = []
        for n in range(self.messages, self.messages + GROUP):
            event_id, request, seq = _id(4, n), self.request_of(n), self._seqs.get(room, 0) + 1
            self._seqs[room] = seq
            sent = MessageSent(
                tenant=self._tenant,
                at=AT,
                conversation_id=room,
                message_id=event_id,
                sender="ann",
                client_msg_id=str(n),
                text="a message of a bench",
                conversation_n=1,
            )
            yield self._record(sent, event_id, request)
            yield self._record(self._audited(event_id, room), _id(5, n), request, event_id)
            named = PersistedMessage(
                message_id=event_id, sender="ann", seq=seq, event_id=event_id, correlation_id=request
            )
            saved.append(named)
        last = saved[-1]
        self.messages += GROUP
        persisted = MessageDelivered(
            tenant=self._tenant, at=AT, conversation_id=room, stage="persisted", messages=saved
        )
        yield self._record(persisted, _id(6, self.messages), last.correlation_id, last.event_id)
        yield from self._receipts(room, last.seq)

    def _receipts(self, room: str, seq: int) -> Iterator[Received]:
        for who, reader in enumerate(READERS):
            for kind, stage in STAGES:
                event = MessageDelivered(
                    tenant=self._tenant, at=AT, conversation_id=room, stage=stage, seq=seq, by=reader, device="phone"
                )
                yield self._record(event, _id(kind + 2 * who, self.messages), _id(20 + kind + 2 * who, self.messages))

    def _audited(self, message_id: str, room: str) -> AuditRecorded:
        return AuditRecorded(
            tenant=self._tenant,
            at=AT,
            actor="ann",
            action="message:send",
            entity_type="message",
            entity_id=message_id,
            outcome="success",
            conversation_id=room,
        )

    def _record(self, event: Event, event_id: str, correlation_id: str, cause: str = "") -> Received:
        made = envelope.encode(
            event,
            event_id=event_id,
            source="/caas/bench",
            correlation_id=correlation_id,
            actor="ann",
            causation_id=cause,
        )
        at = partition_of(made.topic, made.key)
        offset = self.ends.get(at, 0)
        self.ends[at] = offset + 1
        self._made += 1
        recorded_ms = BEGIN_MS + self._made * INTERVAL_MS
        where = position(self._epoch, offset)
        return Received(made.topic, at.number, offset, where, made.key, made.value, made.headers, recorded_ms)


def _id(kind: int, number: int) -> str:
    return str(UUID(int=kind << 96 | number))
