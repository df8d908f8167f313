"""Finds who got and who read the messages of a request: their receipts have the correlation ids of other requests.

A receipt says that all messages of a conversation up to a number came to a member's device. So the arrival of a message
is the first receipt of each device that has the message's number or a higher one.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from schemas.wire.trace import TraceRecord

PERSISTED: Final = "persisted"
MAX_MESSAGES: Final = 20
"""Maximum number of messages of one request whose arrivals are looked for."""
MAX_RECEIPTS: Final = 100
"""Maximum number of receipts that are considered for one message, those with the lowest numbers first."""


class Message(NamedTuple):
    """A message by its conversation and its number there."""

    conversation_id: str
    seq: int


def messages_of(records: Iterable[TraceRecord]) -> dict[Message, str]:
    """Return the first messages that these records say were saved, at most `MAX_MESSAGES`, each with the id of its
    event.
    """
    ordered = sorted(records, key=lambda one: (one.recorded_ms, one.topic, one.partition, one.offset))
    saved = {Message(one.key, one.seq): one.cause for one in ordered if one.stage == PERSISTED and one.seq is not None}
    return dict(itertools.islice(saved.items(), MAX_MESSAGES))


def is_receipt(record: TraceRecord) -> bool:
    """Return whether this is a receipt of a member."""
    return record.stage not in {None, PERSISTED} and record.seq is not None


def with_arrivals(
    records: Sequence[TraceRecord], receipts: Mapping[Message, Sequence[TraceRecord]]
) -> list[TraceRecord]:
    """Return the records of a request, and below each of its messages the arrivals among these receipts; a receipt that
    is of several of them stands below the first.
    """
    found = list(records)
    known = {one.place for one in found}
    for message, event_id in messages_of(records).items():
        for receipt in _first_of_each(receipts.get(message, ())):
            if receipt.place not in known:
                known.add(receipt.place)
                found.append(structs.replace(receipt, cause=event_id))
    return found


def lowest(receipts: Iterable[TraceRecord], seq: int) -> list[TraceRecord]:
    """Return the receipts that are considered for the message of this number."""
    reaching = [one for one in receipts if (one.seq or 0) >= seq]
    return sorted(reaching, key=lambda one: (one.seq or 0, one.offset))[:MAX_RECEIPTS]


def _first_of_each(receipts: Iterable[TraceRecord]) -> Iterable[TraceRecord]:
    first: dict[tuple[str | None, str | None, str | None], TraceRecord] = {}
    for one in receipts:
        who = one.by, one.device, one.stage
        if who not in first or one.offset < first[who].offset:
            first[who] = one
    return first.values()
