"""A gateway that is not there is tried again, and the log says so."""

import asyncio
import logging

import aiohttp
import pytest

from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.tokens import GatewayTokens
from tests.e2e.processes import free_port
from tests.edge.fake_node import fake_node
from tests.eventually import eventually


async def test_unreachable_gateway_is_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
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


@pytest.mark.parametrize("part", [b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"tok', b"GET / HTTP/1.1\r\n\r\n"])
async def test_gateway_that_is_killed_within_its_answer_is_tried_again(part: bytes) -> None:
    asked = asyncio.Event()

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(part)
        await writer.drain()
        writer.close()
        asked.set()

    port = free_port()
    server = await asyncio.start_server(dies, "127.0.0.1", port)
    async with aiohttp.ClientSession() as session:
        tokens = GatewayTokens(session, f"http://127.0.0.1:{port}", "key", "secret").source("ada")
        line = Line(f"ws://127.0.0.1:{port}/socket", tokens)
        hello = line.start()
        await asked.wait()
        server.close()
        await server.wait_closed()
        async with fake_node(port):
            assert (await hello)["user_id"] == "ada"
            await line.close()
