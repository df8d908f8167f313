"""Activity returns every conversation requested, even if its memory is trimmed meanwhile."""

import asyncio
from dataclasses import dataclass

from projections.generations import Generations
from projections.messages import message_rows
from projections.queries.activity import MAX_CONVERSATIONS, Activity
from projections.stores.memory import MemoryDocuments


@dataclass
class Sent:
    last: dict[str, int]


async def test_conversation_forgotten_during_a_read_is_still_answered() -> None:
    documents = MemoryDocuments()
    activity = Activity(documents, Generations(documents, (message_rows.MODEL,)))
    activity.note_heads(["a"], {"a": {"sent": {"n": 3, "at": "2026-11-20T09:30:00.000Z"}}})
    asked = asyncio.create_task(activity.of(["a", "b"], {"a": Sent({"sent": 3})}))
    await asyncio.sleep(0)
    activity.note_heads(map(str, range(MAX_CONVERSATIONS + 1)), {})
    found = await asked
    assert (found["a"], found["b"]) == ((3, "2026-11-20T09:30:00.000Z"), (0, ""))
