"""Clients of a system that is restarted as for an update soon receive messages again, and miss none."""

import asyncio
import time
from contextlib import AsyncExitStack

from edge.sdk.python.caas_client import Client
from tests.e2e.silence import steady_talk
from tests.e2e.up import Restartable

LISTENERS = 4


async def test_clients_reconnect_soon_after_a_restart_and_miss_nothing(system: Restartable) -> None:
    up = await asyncio.to_thread(system.start)
    async with AsyncExitStack() as stack:
        clients = [Client(up.socket_url, up.token(f"user{number}")) for number in range(LISTENERS)]
        speaker = await stack.enter_async_context(Client(up.socket_url, up.token("ann"), hears=False))
        for client in clients:
            await stack.enter_async_context(client)
        async with steady_talk(speaker, clients) as talk:
            assert system.process is not None
            began = time.monotonic()
            assert await asyncio.to_thread(system.process.stop) == 0
            stopped = time.monotonic()
            await asyncio.to_thread(system.start)
            ready = time.monotonic()
            await talk.goes_on()
            silence = talk.longest_silence(began)
            took = {"stop": stopped - began, "start": ready - stopped, "silence": silence}
            print({name: round(seconds, 2) for name, seconds in took.items()})
            assert silence < (ready - began) + 2.0
