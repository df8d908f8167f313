"""The gateway serves the JavaScript client to pages of any origin, and sends a file again only if it changed."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.health import Health
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.composition.serving import token_trail
from edge.gateway.app import Gateway, gateway_app
from edge.gateway.client_files import FILES

NAMES = sorted(path.name for path in FILES.glob("*.js"))
IMPORT = re.compile(r'^(?:import|export) .* from "(.+)";$|import\("(.+?)"\)', re.MULTILINE)
Client = TestClient[Any, Any]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = gateway_app(Gateway(Settings(), Tokens("s" * 32, 900), token_trail(Settings(), Health())), Health())
    async with TestClient(TestServer(app)) as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
async def test_module_is_served_as_javascript_to_any_origin(client: Client, name: str) -> None:
    answer = await client.get(f"/client/{name}")
    assert (answer.status, await answer.read()) == (200, (FILES / name).read_bytes())
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_cached_module_is_not_sent_again(client: Client) -> None:
    first = await client.get("/client/caas.js")
    again = await client.get("/client/caas.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = await client.get("/client/lanes.js", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status == 200


@pytest.mark.parametrize("path", ["/client/none.js", "/client/../app.py", "/client/%2e%2e/client.py", "/client/"])
async def test_other_path_is_not_served(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("name", NAMES)
def test_module_imports_only_its_neighbours(name: str) -> None:
    imported = {one or other for one, other in IMPORT.findall((FILES / name).read_text())}
    assert imported <= {f"./{name}" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_module_has_at_most_300_lines(name: str) -> None:
    assert len((FILES / name).read_text().splitlines()) <= 300
