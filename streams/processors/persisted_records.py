"""This module builds the records that say what a batch has persisted: one for a conversation, which names all of it."""

from collections.abc import Iterable, Sequence
from typing import Final

from projections.facts import Fact
from projections.messages import message_rows
from schemas.envelope import Record
from schemas.events import MessageDelivered, PersistedMessage
from streams.processors.derived_effects import record_of

MAX_MESSAGES: Final = 100
"""Maximum number of messages in one record. With ids as long as headers may be, it has less than a quarter of the bytes
that the log accepts; and a worker of receipts that is behind reads 500 records at once, with a push for each message.
"""

Persisted = tuple[Fact, PersistedMessage]
"""A fact that was saved, and what the record says of it."""


def records_of(persisted: Iterable[Persisted]) -> list[Record]:
    """Return the records of a batch: everything is named once, and in its order within its conversation."""
    of_conversation: dict[tuple[str, str], list[Persisted]] = {}
    for fact, message in persisted:
        of_conversation.setdefault((fact.envelope.tenant, fact.envelope.subject), []).append((fact, message))
    return [
        _record(all_of_one[start : start + MAX_MESSAGES])
        for all_of_one in of_conversation.values()
        for start in range(0, len(all_of_one), MAX_MESSAGES)
    ]


def _record(persisted: Sequence[Persisted]) -> Record:
    """Return the record that names these. Its cause is the last one, and so are its time, actor and correlation id."""
    *earlier, last = (fact for fact, _ in persisted)
    event = MessageDelivered(
        tenant=last.envelope.tenant,
        at=last.envelope.time,
        conversation_id=last.envelope.subject,
        stage="persisted",
        messages=[message for _, message in persisted],
    )
    return record_of(event, last, message_rows.MODEL, "persisted", earlier)
