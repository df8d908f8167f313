from typing import Any

from core.domain.conversation import Conversation
from core.ports.documents import Changes, TableGeneration, Write
from edge.tools import transcript as transcript_module
from edge.tools.transcript import transcript
from projections.conversations import conversation_rows
from projections.messages import message_rows
from projections.stores.memory import MemoryDocuments
from schemas import topics
from tests.given import AT, ROOM, TENANT, deleted, edited, sent
from tests.projections.given import fact

SENT, EDITED, DELETED = topics.MESSAGE_SENT, topics.MESSAGE_EDITED, topics.MESSAGE_DELETED


async def saved(*facts: Any, external_id: str | None = "c_room") -> MemoryDocuments:
    """Return the read model, generation 1, of a room with these facts."""
    documents = MemoryDocuments()
    tables = (message_rows.ROWS, message_rows.HEADS, conversation_rows.ROWS)
    await documents.start(tables)
    await documents.prepare([TableGeneration(table, 1) for table in tables])
    folded = message_rows.fold(facts, {}, message_rows.LaneCounter({}))
    state = Conversation(TENANT, ROOM, "group", "ada", AT, external_id=external_id, n=1)
    room = Write(ROOM, {"tenant": TENANT}, {"updated": conversation_rows.facet_of_state(1, state)})
    rows = [(TableGeneration(message_rows.ROWS, 1), folded.rows), (TableGeneration(conversation_rows.ROWS, 1), [room])]
    await documents.save(Changes(rows, [(TableGeneration(message_rows.HEADS, 1), folded.heads)]))
    return documents


async def lines(documents: MemoryDocuments) -> list[dict[str, Any]]:
    return [line async for line in transcript(documents, TENANT, 1, 1)]


async def test_line_has_the_final_state_of_its_message() -> None:
    root, reply = sent("k1"), sent("k2", "gone", reply_to=sent("k1").message_id)
    documents = await saved(
        fact(SENT, 0, root),
        fact(SENT, 1, reply),
        fact(EDITED, 0, edited(root, "new"), "e1"),
        fact(DELETED, 0, deleted(reply), "d1"),
    )
    usual = {"conversation": "c_room", "sender": "bob"}
    first = {**usual, "seq": 1, "message_id": root.message_id, "client_msg_id": "k1", "text": "new", "edited": True}
    second = {**usual, "seq": 2, "message_id": reply.message_id, "client_msg_id": "k2", "text": None, "edited": False}
    assert await lines(documents) == [
        {**first, "deleted": False, "reply_to": None},
        {**second, "deleted": True, "reply_to": "k1"},
    ]


async def test_deleted_message_stays_edited() -> None:
    said = sent()
    documents = await saved(
        fact(SENT, 0, said), fact(EDITED, 0, edited(said, "new"), "e1"), fact(DELETED, 0, deleted(said), "d1")
    )
    (line,) = await lines(documents)
    assert (line["text"], line["edited"], line["deleted"]) == (None, True, True)


async def test_edit_without_a_change_does_not_mark_a_message_edited() -> None:
    said = sent(text="same")
    documents = await saved(fact(SENT, 0, said), fact(EDITED, 0, edited(said, "same"), "e1"))
    (line,) = await lines(documents)
    assert not line["edited"]


async def test_conversation_without_an_external_id_is_named_by_its_id() -> None:
    (line,) = await lines(await saved(fact(SENT, 0, sent()), external_id=None))
    assert line["conversation"] == ROOM


async def test_pages_join_without_gaps(monkeypatch: Any) -> None:
    monkeypatch.setattr(transcript_module, "PAGE", 3)
    keys = [f"k{number}" for number in range(10)]
    documents = await saved(*(fact(SENT, number, sent(key)) for number, key in enumerate(keys)))
    found = await lines(documents)
    assert [line["client_msg_id"] for line in found] == keys
    assert [line["seq"] for line in found] == list(range(1, 11))
