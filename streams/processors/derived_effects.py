"""This module builds effects that derive from a fact: their ids derive from its event and the kind, so that a repeat
after a crash is harmless.
"""

from collections.abc import Iterable
from typing import Final

from projections.facts import Fact
from projections.inbox.inbox_rows import channel_of
from schemas import envelope, ids
from schemas.envelope import Record
from schemas.events import AuditRecorded, MessageDelivered, MessageRejected
from schemas.wire import errors, frames
from schemas.wire.frames import Push

CONFLICT: Final = "idempotency_conflict"


def record_of(
    event: MessageDelivered | MessageRejected | AuditRecorded,
    fact: Fact,
    processor: str,
    kind: str,
    earlier: Iterable[Fact] = (),
) -> Record:
    """Return the record of an event that `processor` emits because of a fact and those `earlier` in its batch."""
    sources = " ".join(one.envelope.id for one in (*earlier, fact))
    return envelope.encode(
        event,
        event_id=ids.effect_id(sources, kind),
        source=f"/caas/streams/{processor}",
        correlation_id=fact.envelope.correlation_id,
        actor=fact.envelope.actor,
        causation_id=fact.envelope.id,
        cause=fact.envelope.traceparent,
    )


def conflict_record(
    fact: Fact, processor: str, command: str, message_id: str | None = None, *, conversation_id: str | None = None
) -> Record:
    """Return the record of a repeat whose body differs from the first; `conversation_id` where the key is another."""
    event = MessageRejected(
        tenant=fact.envelope.tenant,
        at=fact.envelope.time,
        user_id=fact.envelope.actor,
        command=command,
        code=CONFLICT,
        conversation_id=fact.envelope.subject if conversation_id is None else conversation_id,
        message_id=message_id,
    )
    return record_of(event, fact, processor, "rejected")


def conflict_push(fact: Fact, processor: str, generation: int, **about: str) -> Push:
    """Return the error that is sent to its sender; `about` names the conversation where the key is another."""
    where = {"conversation_id": fact.envelope.subject, **about}
    frame = frames.error(None, errors.problem(CONFLICT), fact.envelope.correlation_id, where)
    return push_to_actor(fact, processor, generation, frame, where["conversation_id"])


def push_to_actor(fact: Fact, processor: str, generation: int, frame: bytes, conversation_id: str) -> Push:
    """Return the push of a receipt or an error that only the actor of the fact gets."""
    return push_to_user(fact.envelope.actor, fact, processor, generation, frame, conversation_id=conversation_id)


def push_to_user(
    user_id: str, fact: Fact, processor: str, generation: int, frame: bytes, *, conversation_id: str
) -> Push:
    """Return the push that only this user of the fact's tenant gets."""
    to = channel_of(fact.envelope.tenant, user_id)
    return Push(
        model=processor,
        generation=generation,
        conversation_id=conversation_id,
        frame=frame,
        to=to,
        traceparent=fact.envelope.traceparent,
    )
