"""A line that breaks in the middle of anything is closed, and the client opens the next one."""

import asyncio

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from edge.sdk.python.caas_client.connection import opened
from edge.sdk.python.caas_client.wire import Closed

HELLO = '{"type": "hello", "data": {"session": "s", "limits": {}}}'


async def greet(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("caas.v1.json",), autoping=False)
    await socket.prepare(request)
    await socket.send_str(HELLO)
    await socket.ping()
    await socket.receive()
    return socket


async def test_ping_that_finds_the_line_broken_closes_it() -> None:
    app = web.Application()
    app.router.add_get("/socket", greet)
    async with TestServer(app) as server, ClientSession() as session:
        connection = await opened(session, str(server.make_url("/socket")), "token")
        transport = connection._socket._writer.transport
        assert transport is not None
        transport.close()  # the ping has come, and its answer finds this
        with pytest.raises(Closed):
            await asyncio.wait_for(connection.receive(), 5)
        await connection.close()
