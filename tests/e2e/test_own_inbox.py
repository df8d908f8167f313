"""Private state of users, receipts, typing and presence through the Python client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from edge.sdk.python.caas_client import Client, CursorsMoved, Event, InboxChanged, MessageNew, Presence, Typing
from tests.e2e.processes import Process, free_port
from tests.e2e.up import Up, ready_line, running
from tests.eventually import eventually

T = TypeVar("T")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with running(tmp_path) as up:
        yield up


class Device:
    """A client and all events that it received."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.events: list[Event] = []

    def received(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def listen(self) -> None:
        async for event in self.client.events():
            self.events.append(event)


@asynccontextmanager
async def device(
    up: Up, user: str, *, positions: dict[str, dict[str, int]] | None = None, name: str | None = None
) -> AsyncIterator[Device]:
    async with Client(up.socket_url, up.token(user), positions=positions, device=name) as client:
        found = Device(client)
        listening = asyncio.create_task(found.listen(), name=f"{user} listens")
        try:
            yield found
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def test_private_state_is_sent_to_all_devices_also_after_an_absence(up: Up) -> None:
    async with device(up, "ann") as phone, device(up, "ann") as desk, device(up, "bob") as bob:
        room = (await bob.client.create(external_id="room", participants=["ann"])).conversation_id
        said = [await bob.client.send(room, str(number)) for number in range(3)]
        await eventually(lambda: len(phone.received(MessageNew)) == 3)
        await phone.client.read(conversation_id=room, seq=2)
        await phone.client.mute(conversation_id=room)
        await eventually(lambda: len(desk.received(InboxChanged)) == 2)
        assert [(event.n, event.inbox.read, event.inbox.muted) for event in desk.received(InboxChanged)] == [
            (1, 2, False),
            (2, 2, True),
        ]
        positions = desk.client.positions()
        await phone.client.hide(conversation_id=room, message_id=said[0].message_id)
        await phone.client.archive(conversation_id=room)
        await eventually(lambda: [event.n for event in phone.received(InboxChanged)] == [1, 2, 3, 4])
        async with device(up, "ann", positions=positions) as later:
            await eventually(lambda: len(later.received(InboxChanged)) == 2)
            hidden, archived = later.received(InboxChanged)
        assert (hidden.n, hidden.healed, hidden.inbox.hidden, hidden.conversation_id) == (
            3,
            True,
            said[0].message_id,
            room,
        )
        assert (archived.n, archived.inbox.archived, archived.inbox.hidden) == (4, True, None)
        assert bob.received(InboxChanged) == []


async def test_sender_receives_delivered_and_read_cursors(up: Up) -> None:
    async with device(up, "ann") as ann, device(up, "bob", name="phone") as bob:
        room = (await ann.client.create(external_id="room", participants=["bob"])).conversation_id
        await ann.client.send(room, "here?")
        await eventually(lambda: moved(ann) == [("bob", 0, 1)], within=20)
        await bob.client.read(conversation_id=room, seq=1)
        await eventually(lambda: moved(ann) == [("bob", 0, 1), ("bob", 1, 1)], within=20)
        assert bob.received(CursorsMoved) == []
        people = (await ann.client.get_conversation(conversation_id=room)).participants or []
        assert {(one.user_id, one.read_seq, one.delivered_seq) for one in people} == {("ann", 0, 0), ("bob", 1, 1)}


def moved(who: Device) -> list[tuple[str, int, int]]:
    """Return the cursors that were pushed, without duplicates."""
    found = (cursor for event in who.received(CursorsMoved) for cursor in event.moved.cursors)
    return list(dict.fromkeys((one.user_id, one.read_seq, one.delivered_seq) for one in found))


async def test_send_that_waits_for_read_does_not_block_others(up: Up) -> None:
    async with device(up, "ann") as ann, device(up, "bob") as bob:
        room = (await ann.client.create(external_id="room", participants=["bob"])).conversation_id
        sending = ann.client.send(room, "one", wait_for="read")
        await ann.client.send(room, "two")
        assert not sending.done
        await eventually(lambda: [event.message.text for event in bob.received(MessageNew)] == ["one", "two"])
        await bob.client.read(conversation_id=room, seq=2)
        assert (await sending).level == "read"


async def test_typing_is_sent_to_the_others(up: Up) -> None:
    async with device(up, "ann") as ann, device(up, "bob") as bob:
        room = (await ann.client.create(external_id="room", participants=["bob"])).conversation_id
        await eventually(lambda: bob.events != [])
        await ann.client.start_typing(conversation_id=room)
        await eventually(lambda: len(bob.received(Typing)) == 1)
        await ann.client.stop_typing(conversation_id=room)
        await eventually(lambda: len(bob.received(Typing)) == 2)
        assert [(event.typing.user_id, event.typing.typing) for event in bob.received(Typing)] == [
            ("ann", True),
            ("ann", False),
        ]
        assert ann.received(Typing) == []


@pytest.mark.slow
async def test_presence_is_restored_after_a_kill_and_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("up", "--data", str(data), "--port", str(free_port()), "--json", "--secrets")
    process = Process("up", arguments, tmp_path / "up-1.log", None, {}).start()
    try:
        up = Up(process, data, await asyncio.to_thread(ready_line, process))
        async with device(up, "ann") as ann, device(up, "bob") as bob:
            await ann.client.create(external_id="room", participants=["bob"])
            await eventually(lambda: bob.events != [])
            await bob.client.subscribe_presence(users=["ann"])
            await ann.client.set_presence(status="busy")
            await eventually(lambda: statuses(bob)[-1:] == ["busy"])
            bob.events.clear()
            await asyncio.to_thread(process.kill)
            await eventually(lambda: not bob.client.connected and not ann.client.connected, within=20)
            process = Process("up", arguments, tmp_path / "up-2.log", None, {}).start()
            await asyncio.to_thread(ready_line, process)
            await eventually(lambda: statuses(bob)[-1:] == ["busy"], within=30)
            await ann.client.set_presence(status="away")
            await eventually(lambda: statuses(bob)[-1:] == ["away"])
    finally:
        process.stop()


def statuses(who: Device) -> list[str]:
    return [event.presence.status for event in who.received(Presence)]
