"""Two clients talk on while the system is killed and started again: what was asked happens once, in order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.client import Client, MessageNew
from tests.e2e.processes import Process, free_port
from tests.e2e.up import Up, ready_line
from tests.eventually import eventually

BEFORE, WITHOUT, AFTER = 100, 50, 50


class System:
    """`caas up` in one directory and at one port, as often as it is started."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._arguments = ("up", "--data", str(self._data), "--port", str(free_port()), "--json")
        self._folder = folder
        self._starts = 0
        self.process: Process | None = None

    def start(self) -> Up:
        self._starts += 1
        log = self._folder / f"up-{self._starts}.log"
        self.process = Process("up", self._arguments, log, None, {}).start()
        return Up(self.process, self._data, ready_line(self.process))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    found = System(tmp_path)
    yield found
    if found.process is not None:
        found.process.stop()


async def test_nothing_is_missed_or_doubled_or_out_of_order_through_a_kill_and_a_start(system: System) -> None:
    up = await asyncio.to_thread(system.start)
    async with (
        Client(up.socket_url, up.token("ann"), hears=False) as ann,
        Client(up.socket_url, up.token("bob")) as bob,
    ):
        room = (await ann.create(external_id="room", participants=["bob"])).conversation_id
        heard: list[MessageNew] = []
        hearing = asyncio.create_task(hear(bob, heard))
        asked = [ann.send(room, str(number)) for number in range(BEFORE)]
        await eventually(lambda: len(heard) > 10, within=20)
        await asyncio.to_thread(system.kill)
        await eventually(lambda: not ann.connected and not bob.connected, within=20)
        asked += [ann.send(room, str(number)) for number in range(BEFORE, BEFORE + WITHOUT)]
        assert ann.unanswered >= WITHOUT
        await asyncio.to_thread(system.start)
        asked += [ann.send(room, str(number)) for number in range(BEFORE + WITHOUT, BEFORE + WITHOUT + AFTER)]
        answers = await asyncio.gather(*asked)
        await eventually(lambda: len(heard) == len(asked), within=20)
        hearing.cancel()
    assert [event.n for event in heard] == list(range(1, len(asked) + 1))
    assert [event.message.text for event in heard] == [str(number) for number in range(len(asked))]
    assert [event.message.message_id for event in heard] == [answer.message_id for answer in answers]
    assert [event.message.client_msg_id for event in heard] == [sending.key for sending in asked]


async def hear(client: Client, heard: list[MessageNew]) -> None:
    async for event in client.events():
        if isinstance(event, MessageNew):
            heard.append(event)  # noqa: PERF401 - as they come
