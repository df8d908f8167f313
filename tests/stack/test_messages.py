"""Message contents on the real servers: a worker folds them, MongoDB keeps them and finds threads by root."""

import asyncio
import json

import pytest

from core.ports.documents import TableGeneration
from projections.generations import read_pointer
from projections.messages import message_rows, unread_markers
from schemas import events, ids
from schemas.envelope import Record
from tests.stack.live import LONG_S, Live, append, new_room, rows_of, saved
from tests.streams.world import AT, TENANT, encoded, said

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

ANSWERS = 12
FILE = events.Attachment(media_id="5f1d1f8a-0000-4000-8000-000000000001", name="$a.b", size=2**53)
METADATA = {"$a.b": {"$": [1, None, {"": 2**70}]}, "plain": "ü"}


def root_of(room: str) -> str:
    return ids.message_id(TENANT, room, "ann", f"{room}-0")


def answer(room: str, n: int, text: str = "") -> Record:
    message_id = ids.message_id(TENANT, room, "bob", f"{n}")
    here = events.Origin(conversation_id=room, message_id=root_of(room), sender="ann", at=AT)
    event = events.MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=room,
        message_id=message_id,
        sender="bob",
        client_msg_id=f"{n}",
        text=text,
        conversation_n=1,
        reply_to=root_of(room),
        thread_root=root_of(room),
        mentions=["a.b$c", "ann"],
        attachments=[FILE],
        ciphertext=f"sealed {n}" if n % 2 else None,
        metadata=METADATA,
        forwarded_from=[] if n % 3 else [here],
    )
    return encoded(event, message_id, "bob")


def captionless(room: str, n: int) -> Record:
    """Return an edit of the root that removes its text and mentions users, under a separate key."""
    event = events.MessageEdited(
        tenant=TENANT,
        at=AT,
        conversation_id=room,
        message_id=root_of(room),
        editor="ann",
        text="",
        mentions=["a.b$c", "ann"],
        seq=1,
    )
    return encoded(event, ids.message_id(TENANT, room, "ann", f"edit {n}"), "ann")


async def test_message_contents_are_stored_and_threads_are_found(live: Live) -> None:
    rooms = [new_room() for _ in range(3)]
    async with live.adapters() as found:
        worker = await asyncio.to_thread(live.worker)
        for room in rooms:
            await append(found, [said(room, 0), said(room, 1), *(answer(room, n) for n in range(ANSWERS))])
            await append(found, [answer(room, 0), answer(room, 1, "another text")])
            await append(found, [captionless(room, 0), captionless(room, 1), captionless(room, 0)])
        await saved(found)
        place = TableGeneration(message_rows.ROWS, (await read_pointer(found.documents, message_rows.MODEL)).live)
        for room in rooms:
            thread = await found.documents.find(place, message_rows.THREAD.name, [room, root_of(room)], low=1, high=99)
            assert [row["sent"]["n"] for row in thread] == list(range(3, ANSWERS + 3))
            views = [view for row in thread if (view := message_rows.view(row)) is not None]
            assert [view.ciphertext for view in views] == [f"sealed {n}" if n % 2 else None for n in range(ANSWERS)]
            assert [len(view.forwarded_from) for view in views] == [0 if n % 3 else 1 for n in range(ANSWERS)]
            for view in views:
                assert (view.attachments, view.metadata, view.mentions) == ([FILE], METADATA, ["a.b$c", "ann"])
            assert len(await rows_of(found, room)) == ANSWERS + 2
            marked = await found.documents.get(
                TableGeneration(unread_markers.ROWS, place.generation),
                [unread_markers.row_id(room, "a.b$c"), unread_markers.row_id(room, "ann")],
            )
            assert unread_markers.unread_named(marked[unread_markers.row_id(room, "a.b$c")], ANSWERS + 2) == []
            assert marked[unread_markers.row_id(room, "a.b$c")]["edited"]["told"] == [[1, root_of(room)]]
            assert "edited" not in marked[unread_markers.row_id(room, "ann")]
        verified = await asyncio.to_thread(live.system.run, "verify", "messages", "--json", seconds=LONG_S)
        assert json.loads(verified) == {"messages": []}
    assert await asyncio.to_thread(worker.stop) == 0
