"""The inbox is a function of the log, like every read model: drift is reported, and a rebuild repairs it."""

import asyncio
from typing import Any

from core.ports.documents import TableGeneration
from projections.inbox import inbox_rows
from projections.messages import message_rows, unread_markers
from projections.stores.memory import MemoryDocuments
from schemas import events, ids
from schemas.envelope import Record
from streams.processors.inbox import Inbox
from streams.rebuild.compare import Difference
from streams.rebuild.rebuild import rebuild
from streams.rebuild.verify import verify
from tests.streams.world import AT, TENANT, World, encoded

ROOM = "room"
USERS = ("ann", "bob", "cy")


def inbox_world() -> World:
    world = World(inbox_rows.MODEL)
    world.fold = Inbox
    return world


def actions_of(user: str, n: int) -> list[Record]:
    """Return the `n`-th actions of one user: a cursor, a mute, an archive, a hidden message; and a repeat."""
    about: dict[str, Any] = {"tenant": TENANT, "at": AT, "user_id": user, "conversation_id": f"{ROOM} {n % 3}"}
    message_id = f"message {n}"
    mute = encoded(events.ConversationMuted(**about, on=n % 2 == 0), f"{user} mute {n}", user)
    return [
        encoded(events.CursorMoved(**about, seq=n), f"{user} read {n}", user),
        mute,
        encoded(events.ConversationArchived(**about, on=n % 2 == 0), f"{user} archive {n}", user),
        encoded(
            events.MessageHidden(**about, message_id=message_id), inbox_rows.hidden_id(TENANT, user, message_id), user
        ),
        mute,
    ]


async def filled(world: World, times: int = 20) -> None:
    for n in range(times):
        for user in USERS:
            await world.append(*actions_of(user, n))


async def verified(world: World) -> list[Difference]:
    async with asyncio.timeout(60):
        store, health = MemoryDocuments(), world.health
        found = await verify(world.fold, world.log, world.documents, 1, scratch=store, health=health)
    return list(found.differences)


async def test_inbox_equals_the_log() -> None:
    world = inbox_world()
    await world.log.start()
    await filled(world)
    async with world.working(limit=7):
        await world.passed()
        assert await verified(world) == []


async def test_manually_changed_tables_of_the_inbox_are_reported() -> None:
    world = inbox_world()
    await world.log.start()
    await filled(world)
    row, act = inbox_rows.row_id(TENANT, "bob", f"{ROOM} 1"), inbox_rows.hidden_id(TENANT, "ann", "message 4")
    async with world.working():
        await world.passed()
        world.documents.change(TableGeneration(inbox_rows.ROWS, 1), row, "inbox", read=77)
        world.documents.lose_row(TableGeneration(inbox_rows.ACTS, 1), act)
        world.documents.change(TableGeneration(inbox_rows.HEADS, 1), inbox_rows.key_of(TENANT, "cy"), "user", n=3)
        found = await verified(world)
    assert sorted((one.table, one.id, one.what) for one in found) == [
        ("acts", act, "row"),
        ("heads", inbox_rows.key_of(TENANT, "cy"), "user"),
        ("inbox", row, "inbox"),
    ]


async def test_inbox_is_rebuilt_while_people_read() -> None:
    world = inbox_world()
    await world.log.start()
    await filled(world)
    async with world.working(), asyncio.timeout(60):
        await world.passed()
        reading = asyncio.create_task(filled(world, 40), name="reading")
        report = await rebuild(
            world.fold,
            world.log,
            world.documents,
            world.health,
            scratch=MemoryDocuments(),
            progress=world.progress,
        )
        await reading
        await world.passed()
    assert (report.outcome, report.new) == ("switched", 2)
    rows = await world.rows(2)
    assert {user: rows["heads"][inbox_rows.key_of(TENANT, user)]["user"]["n"] for user in USERS} == dict.fromkeys(
        USERS, 180
    )
    assert rows["inbox"][inbox_rows.row_id(TENANT, "bob", f"{ROOM} 0")]["inbox"]["read"] == 39
    assert max(world.emitter.counted().values()) == 1


async def test_manually_changed_mark_is_reported(world: World) -> None:
    event = events.MessageSent(
        tenant=TENANT,
        at=AT,
        conversation_id=ROOM,
        message_id=(message_id := ids.message_id(TENANT, ROOM, "ann", "k")),
        sender="ann",
        client_msg_id="k",
        text="@bob",
        conversation_n=1,
        mentions=["bob"],
    )
    await world.append(encoded(event, message_id, "ann"))
    async with world.working():
        await world.passed()
        assert await verified(world) == []
        world.documents.change(
            TableGeneration(unread_markers.ROWS, 1), unread_markers.row_id(ROOM, "ann"), "spoke", n=9
        )
        world.documents.change(
            TableGeneration(unread_markers.ROWS, 1), unread_markers.row_id(ROOM, "bob"), "named", ids=[]
        )
        found = await verified(world)
    assert world.model == message_rows.MODEL
    assert sorted((one.table, one.id, one.what) for one in found) == [
        ("marks", unread_markers.row_id(ROOM, "ann"), "spoke"),
        ("marks", unread_markers.row_id(ROOM, "bob"), "named"),
    ]
