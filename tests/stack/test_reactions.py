"""Reactions on the real servers: a worker takes them from a topic of several kinds, MongoDB keeps and finds them."""

import asyncio
import json

import pytest

from core.ports.documents import TableGeneration
from projections.generations import read_pointer
from projections.messages import message_rows
from schemas import events, ids
from schemas.envelope import Record
from tests.stack.live import LONG_S, Live, append, new_room, rows_of, saved
from tests.streams.world import AT, TENANT, encoded, said

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

ROOMS = 6
MESSAGES = 5


def reacted(room: str, n: int, user: str, emoji: str, *, on: bool = True) -> Record:
    message_id = ids.message_id(TENANT, room, "ann", f"{room}-{n}")
    event = events.Reacted(
        tenant=TENANT, at=AT, conversation_id=room, message_id=message_id, user_id=user, emoji=emoji, on=on
    )
    return encoded(event, ids.derive(TENANT, message_id, user, f"reaction {on}", emoji), user)


def archived(user: str, room: str) -> Record:
    event = events.UserActed(tenant=TENANT, at=AT, user_id=user, action="archived", subject=room)
    return encoded(event, f"{user} archives {room}", user)


def of(room: str) -> list[Record]:
    """Return reactions to every message, the last of them removed, one of each repeated; and other actions."""
    found: list[Record] = []
    for n in range(MESSAGES):
        added = [reacted(room, n, user, emoji) for user in ("bob", "a.b$c") for emoji in ("👍", "$.🎉")]
        found += [*added, archived(f"user {n}", room), added[0], reacted(room, n, "a.b$c", "$.🎉", on=False)]
    return found


async def test_reactions_are_numbered_stored_found_and_equal_a_replay(live: Live) -> None:
    rooms = [new_room() for _ in range(ROOMS)]
    each = 5 * MESSAGES
    async with live.adapters() as found:
        worker = await asyncio.to_thread(live.worker)
        await append(found, [record for room in rooms for record in of(room)])
        await append(found, [said(room, n) for room in rooms for n in range(MESSAGES)])
        await saved(found)
        generation = (await read_pointer(found.documents, message_rows.MODEL)).live
        heads = await found.documents.get(TableGeneration(message_rows.HEADS, generation), rooms)
        assert {heads[room]["reaction"]["n"] for room in rooms} == {each}
        for room in rooms:
            views = [message_rows.view(row) for row in await rows_of(found, room)]
            shown = [[(one.emoji, one.users) for one in view.reactions] for view in views if view is not None]
            assert shown == [[("👍", ["bob", "a.b$c"]), ("$.🎉", ["bob"])]] * MESSAGES
            place = TableGeneration(message_rows.ROWS, generation)
            newest = await found.documents.find(place, "reaction", [room], low=each, high=each + 1)
            assert [row["sent"]["n"] for row in newest] == [MESSAGES]
        verified = await asyncio.to_thread(live.system.run, "verify", "messages", "--json", seconds=LONG_S)
        assert json.loads(verified) == {"messages": []}
    assert await asyncio.to_thread(worker.stop) == 0
