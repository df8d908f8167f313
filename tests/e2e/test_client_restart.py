"""Two clients continue while the system is killed and restarted: every command takes effect once, in order."""

import asyncio

from edge.sdk.python.caas_client import Client, MessageNew
from tests.e2e.up import Restartable
from tests.eventually import eventually

BEFORE, WITHOUT, AFTER = 100, 50, 50


async def test_messages_arrive_once_and_in_order_across_a_kill_and_restart(system: Restartable) -> None:
    up = await asyncio.to_thread(system.start)
    async with (
        Client(up.socket_url, up.token("ann"), hears=False) as ann,
        Client(up.socket_url, up.token("bob")) as bob,
    ):
        room = (await ann.create(external_id="room", participants=["bob"])).conversation_id
        received: list[MessageNew] = []
        receiving = asyncio.create_task(receive(bob, received))
        sends = [ann.send(room, str(number)) for number in range(BEFORE)]
        await eventually(lambda: len(received) > 10, within=20)
        await asyncio.to_thread(system.kill)
        await eventually(lambda: not ann.connected and not bob.connected, within=20)
        sends += [ann.send(room, str(number)) for number in range(BEFORE, BEFORE + WITHOUT)]
        assert ann.unanswered >= WITHOUT
        await asyncio.to_thread(system.start)
        sends += [ann.send(room, str(number)) for number in range(BEFORE + WITHOUT, BEFORE + WITHOUT + AFTER)]
        answers = await asyncio.gather(*sends)
        await eventually(lambda: len(received) == len(sends), within=20)
        receiving.cancel()
    assert [event.n for event in received] == list(range(1, len(sends) + 1))
    assert [event.message.text for event in received] == [str(number) for number in range(len(sends))]
    assert [event.message.message_id for event in received] == [answer.message_id for answer in answers]
    assert [event.message.client_msg_id for event in received] == [sending.key for sending in sends]


async def receive(client: Client, received: list[MessageNew]) -> None:
    async for event in client.events():
        if isinstance(event, MessageNew):
            received.append(event)  # noqa: PERF401 - as they arrive
