"""Whom a cursor tells something: the senders of what a member newly has, each by the newest of their messages there.

It is a hint and reads other read models for it, the live ones: of a range the last hundred messages, and the member's
stays, since nothing that was never theirs reached them.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core.domain.member import UNKNOWN, Interval
from core.outages import REPEATS
from core.ports.documents import DataLost, Documents, Place, Row
from projections import conversations, messages, receipts
from projections.generations import read_pointer
from projections.receipts import Covered
from schemas import frames
from schemas.frames import Push

logger: Final = logging.getLogger("caas.receipts")
LOOKED_AT: Final = 100
"""So many messages before a cursor are looked at."""
LOOKS: Final = 10
POLL_S: Final = 0.02
"""So often, and so far apart, it is looked for the stays of somebody who has just come in; then nobody is told."""


class Covering:
    """Answers the pushes that cursors of one batch come to. Raises `Unavailable`."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def pushes(self, covered: Sequence[Covered], generation: int) -> list[Push]:
        """None where `generation` is not the live one, which alone has effects."""
        if not covered or (await read_pointer(self._documents, receipts.MODEL)).live != generation:
            return []
        try:
            said = await self._messages(covered)
            people = await self._people(covered, said)
        except DataLost as lost:  # another model's: what it costs is a hint
            logger.warning("nobody is told what reached them: %s", lost, extra=REPEATS)
            return []
        return [push for one in covered for push in _pushes(one, said[_key(one)], people.get(_person(one)), generation)]

    async def _messages(self, covered: Sequence[Covered]) -> dict[str, list[Row]]:
        """By conversation the messages that some range of it has."""
        live = (await read_pointer(self._documents, messages.MODEL)).live
        place, found = Place(messages.ROWS, live), dict[str, list[Row]]()
        for key in dict.fromkeys(map(_key, covered)):
            rows = found.setdefault(key, [])
            for seqs in joined(_looked_at(one) for one in covered if _key(one) == key):
                rows += await self._documents.find(
                    place, "sent", [key], low=seqs.start, high=seqs.stop, limit=len(seqs)
                )
        return found

    async def _people(self, covered: Sequence[Covered], said: Mapping[str, Sequence[Row]]) -> Mapping[str, Row]:
        """The stays of these members, as new as their cursors, where that can be had at once."""
        for _ in range(LOOKS):
            rows = await self._rows(covered)
            if all(_has(rows.get(_person(one)), one.upto, said[_key(one)]) for one in covered):
                break
            await asyncio.sleep(POLL_S)
        return rows

    async def _rows(self, covered: Sequence[Covered]) -> Mapping[str, Row]:
        live = (await read_pointer(self._documents, conversations.MODEL)).live
        return await self._documents.get(Place(conversations.PARTICIPANTS, live), set(map(_person, covered)))


def joined(ranges: Iterable[range]) -> list[range]:
    """The same numbers in as few ranges, ascending."""
    found: list[range] = []
    for one in sorted(ranges, key=lambda one: one.start):
        if found and one.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, one.stop))
        else:
            found.append(one)
    return found


def _key(one: Covered) -> str:
    return one.event.conversation_id


def _person(one: Covered) -> str:
    return f"{one.event.conversation_id}:{one.event.by}"


def _looked_at(one: Covered) -> range:
    return range(max(one.beyond + 1, one.upto + 1 - LOOKED_AT), one.upto + 1)


def _has(person: Row | None, seq: int, said: Sequence[Row]) -> bool:
    """Whether message `seq`, where it is there, is somebody's to read."""
    return all(_reads(person, row) for row in said if row["sent"]["n"] == seq)


def _reads(person: Row | None, row: Row) -> bool:
    """Whether a message is somebody's to read."""
    stays, sent = () if person is None else person["updated"]["intervals"], row["sent"]
    return any(Interval(*stay).reads(sent["n"], sent.get("conversation_n", UNKNOWN)) for stay in stays)


def _pushes(one: Covered, said: Sequence[Row], person: Row | None, generation: int) -> list[Push]:
    """One for each sender, of their newest message there."""
    newest: dict[str, Row] = {}
    for row in said:
        sent = row["sent"]
        if sent["n"] in _looked_at(one) and sent["sender"] != one.event.by and _reads(person, row):
            newest[sent["sender"]] = row
    return [
        Push(
            model=receipts.MODEL,
            generation=generation,
            conversation_id=one.event.conversation_id,
            frame=frames.push(
                "receipt",
                receipts.view_of(one, row["_id"], row["sent"]["n"]),
                correlation_id=one.fact.envelope.correlation_id,
            ),
            seq=row["sent"]["n"],
            to=sender,
        )
        for sender, row in newest.items()
    ]
