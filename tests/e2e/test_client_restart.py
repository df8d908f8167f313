"""Two clients talk on while the system is killed and started again: what was asked happens once, in order."""

import asyncio

from edge.sdk.python.caas_client import Client, MessageNew
from tests.e2e.up import Restartable
from tests.eventually import eventually

BEFORE, WITHOUT, AFTER = 100, 50, 50


async def test_nothing_is_missed_or_doubled_or_out_of_order_through_a_kill_and_a_start(system: Restartable) -> None:
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
