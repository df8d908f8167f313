"""A body is read up to its maximum size; what is no JSON of its kind is a problem."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edge.http.body import body_of
from edge.http.problems import problems

Client = TestClient[Any, Any]
LIMIT = 100


class Point(msgspec.Struct):
    x: int


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"x": (await body_of(request, msgspec.json.Decoder(Point), LIMIT)).x})

    app = web.Application(middlewares=[problems])
    app.router.add_post("/", handle)
    async with TestClient(TestServer(app)) as found:
        yield found


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"x": 1}', 200, None),
        (b'{"x": 1}' + b" " * (LIMIT - 8), 200, None),
        (b'{"x": 1}' + b" " * (LIMIT - 7), 413, "too_large"),
        (b'{"x": "1"}', 422, "validation_failed"),
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
    ],
)
async def test_body_is_decoded_or_refused(client: Client, body: bytes, status: int, code: str | None) -> None:
    answer = await client.post("/", data=body)
    assert (answer.status, (await answer.json(content_type=None)).get("code")) == (status, code)
