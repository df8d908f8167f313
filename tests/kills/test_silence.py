"""Clients of a node that is stopped as for an update miss nothing longer than those of a killed node: hardly at all."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from deploy.local.stack import Stack
from edge.sdk.python.caas_client import Application
from tests.e2e.processes import System
from tests.e2e.silence import SteadyTalk, steady_talk
from tests.kills.test_two_sdks import restart_node

pytestmark = [pytest.mark.stack, pytest.mark.kills, pytest.mark.timeout(240)]

LISTENERS = 6
HARDLY_S = 0.5


async def test_clients_of_a_stopping_node_keep_receiving(one_broker: tuple[Stack, System]) -> None:
    system = one_broker[1]
    system.serve_tenant("silence")
    key, secret = (system.environment[f"CAAS_{name}"] for name in ("APP_KEY", "APP_SECRET"))
    async with AsyncExitStack() as stack:
        application = await stack.enter_async_context(Application(system.url, key, secret))
        speaker, *clients = [
            await stack.enter_async_context(await application.client(f"user{number}", positions={}))
            for number in range(LISTENERS + 1)
        ]
        async with steady_talk(speaker, clients) as talk:
            # All are at socket-1 at first, and then at the other node; servers that have just started are slow.
            first = await silence_of(talk, system, "socket-1", kill=False)
            stopped = await silence_of(talk, system, "socket-2", kill=False)
            killed = await silence_of(talk, system, "socket-1", kill=True)
            print({"silence after a first stop": first, "after a stop": stopped, "after a kill": killed})
            assert stopped < HARDLY_S
            assert stopped <= killed + 0.1


async def silence_of(talk: SteadyTalk, system: System, node: str, *, kill: bool) -> float:
    """Restart this node, and return the longest time for which a client received nothing."""
    began = time.monotonic()
    await asyncio.to_thread(restart_node, system, node, kill=kill)
    await talk.goes_on()
    return talk.longest_silence(began)
