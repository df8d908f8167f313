"""Exports the whole messages read model, in the order of conversation and seq, so that anyone can check it."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from core.ports.documents import Documents, Row, TableGeneration
from projections.conversations import conversation_rows
from projections.messages import message_rows

PAGE: Final = 500


async def transcript(
    documents: Documents, tenant: str, generation_messages: int, generation_conversations: int
) -> AsyncIterator[dict[str, Any]]:
    """Yield one object per message of this tenant: `{conversation, seq, message_id, client_msg_id, sender, text,
    edited, deleted, reply_to}`.

    Ordered by `conversation`, which is the external id where there is one and else the id, then by `seq`. `text` is
    null for a deleted or unreadable message; `reply_to` is the root's `client_msg_id`, null where it has none. Keeps
    the names of all conversations and one page of messages in memory. Raises `Unavailable`.
    """
    place = TableGeneration(message_rows.ROWS, generation_messages)
    for name, conversation_id in await _named(documents, tenant, generation_messages, generation_conversations):
        async for rows in _pages(documents, place, conversation_id):
            roots = await _roots(documents, place, rows)
            for row in rows:
                yield _line(name, row, roots)


async def _named(
    documents: Documents, tenant: str, generation_messages: int, generation_conversations: int
) -> list[tuple[str, str]]:
    """Return name and id of every conversation that has messages, by name; the heads table lists them all."""
    heads = await _ids(documents, tenant, TableGeneration(message_rows.HEADS, generation_messages))
    named = await _ids(documents, tenant, TableGeneration(conversation_rows.ROWS, generation_conversations))
    return sorted((named.get(key) or key, key) for key in heads)


async def _ids(documents: Documents, tenant: str, place: TableGeneration) -> dict[str, str | None]:
    """Return the ids of a tenant's rows in a table, each with its external id if its row has one."""
    found: dict[str, str | None] = {}
    after = ""
    while rows := await documents.scan(place, after=after, limit=PAGE):
        found |= {row["_id"]: row.get("updated", {}).get("external_id") for row in rows if row["tenant"] == tenant}
        after = rows[-1]["_id"]
    return found


async def _pages(documents: Documents, place: TableGeneration, conversation_id: str) -> AsyncIterator[list[Row]]:
    low = 1
    while rows := await documents.find(place, "sent", [conversation_id], low=low, limit=PAGE):
        yield rows
        low = rows[-1]["sent"]["n"] + 1


async def _roots(documents: Documents, place: TableGeneration, rows: list[Row]) -> dict[str, str]:
    """Return the `client_msg_id` of each root that these rows name."""
    named = {root for row in rows if (root := row["sent"].get("reply_to")) is not None}
    found = await documents.get(place, named) if named else {}
    return {key: root["sent"].get("client_msg_id", "") for key, root in found.items() if "sent" in root}


def _line(conversation: str, row: Row, roots: dict[str, str]) -> dict[str, Any]:
    view = message_rows.view(row)
    if view is None:
        raise LookupError(row["_id"])
    fields: dict[str, Any] = msgspec.to_builtins(view)
    names = ("seq", "message_id", "client_msg_id", "sender", "text", "edited", "deleted")
    root = None if view.reply_to is None else roots.get(view.reply_to)
    return {"conversation": conversation, **{name: fields[name] for name in names}, "reply_to": root}
