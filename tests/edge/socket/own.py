"""Append inbox events of users directly to the log, and read what was pushed to them."""

from typing import Any

from projections.inbox import inbox_rows
from schemas import envelope, ids
from schemas.events.inbox import ConversationMuted, CursorMoved, InboxEvent, MessageHidden
from tests.edge.socket.world import TENANT, Person, World
from tests.eventually import eventually

AT = "2026-11-20T09:30:00.000Z"
ROOM = "6f1d1f8a-0000-5000-8000-000000000001"
OTHER = "6f1d1f8a-0000-5000-8000-000000000002"


def read(seq: int, room: str = ROOM, user: str = "ann", tenant: str = TENANT) -> CursorMoved:
    return CursorMoved(tenant=tenant, at=AT, user_id=user, conversation_id=room, seq=seq)


def muted(room: str = ROOM, user: str = "ann", *, on: bool = True) -> ConversationMuted:
    return ConversationMuted(tenant=TENANT, at=AT, user_id=user, conversation_id=room, on=on)


def hid(message_id: str, room: str = ROOM, user: str = "ann") -> MessageHidden:
    return MessageHidden(tenant=TENANT, at=AT, user_id=user, conversation_id=room, message_id=message_id)


async def act(found: World, event: InboxEvent, key: str = "") -> None:
    """Append an event; `key` distinguishes two with the same body."""
    name = f"{key or event}"
    await found.log.append(
        envelope.encode(
            event,
            event_id=ids.derive(event.tenant, event.conversation_id, event.user_id, "test", name),
            source="/test",
            correlation_id="6f1d1f8a-0000-4000-8000-0000000000ff",
            actor=event.user_id,
        )
    )


def head(found: World, user: str = "ann", tenant: str = TENANT, generation: int = 1) -> int:
    """Return the head of a user's lane."""
    return head_of(found, inbox_rows.key_of(tenant, user), generation)


def head_of(found: World, key: str, generation: int = 1) -> int:
    """Return the head of the lane with this key."""
    rows = found.documents._rows.get(("inbox", "heads", generation), {})
    return int(rows.get(key, {}).get("user", {"n": 0})["n"])


async def acted(found: World, *events: InboxEvent, generation: int = 1) -> None:
    """Append these events of one user, and wait until they are numbered."""
    user, tenant = events[0].user_id, events[0].tenant
    goal = head(found, user, tenant, generation) + len(events)
    for event in events:
        await act(found, event)
    await eventually(lambda: head(found, user, tenant, generation) == goal)


def numbers(person: Person) -> list[int]:
    """Return the numbers of their own lane that were pushed."""
    return [frame["n"] for frame in person.of("inbox:changed")]


def views(person: Person) -> list[dict[str, Any]]:
    return [frame["data"] for frame in person.of("inbox:changed")]
