"""A gateway that is not there is tried again, and the log says so."""

import asyncio
import logging

import aiohttp
import pytest

from edge.client.tokens import GatewayTokens
from tests.e2e.processes import free_port
from tests.edge.fake_node import fake_node
from tests.eventually import eventually


async def test_nobody_at_the_gateways_port_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "caas.client")
    port = free_port()
    async with aiohttp.ClientSession() as session:
        issuing = asyncio.create_task(GatewayTokens(session, f"http://127.0.0.1:{port}", "key", "secret").issue("ada"))
        await eventually(lambda: len(caplog.records) > 0)
        async with fake_node(port):
            assert (await issuing).token == "ada"
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"no answer from http://127.0.0.1:{port}/api/v1/auth/sdk/token, it is tried again: ")
    assert "secret" not in said
