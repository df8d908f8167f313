"""A browser that opens the address gets a page with the paths: without scripts, secrets or external resources."""

import re
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.health import Health
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.compliance.app import ComplianceEntrance, compliance_app
from edge.composition.serving import token_trail
from edge.gateway.app import Gateway, gateway_app
from edge.http.front_page import DOCUMENTS
from edge.socket.transport.server import Entrance, socket_app
from tests.architecture.packages import ROOT

Client = TestClient[Any, Any]
SECRET = "s3cret" * 6


def gateway() -> web.Application:
    settings = Settings(app_key="app_key_of_ours", app_secret=SECRET, token_secret=SECRET)
    return gateway_app(Gateway(settings, Tokens(SECRET, 900), token_trail(settings, Health())), Health())


def node() -> web.Application:
    health = Health()
    return socket_app(Entrance(health), health)


def compliance() -> web.Application:
    health = Health()
    return compliance_app(ComplianceEntrance(health), health)


@pytest.mark.parametrize("app", [gateway, node, compliance])
async def test_page_names_the_service_and_its_links_work(app: Any) -> None:
    made = app()
    async with TestClient(TestServer(made)) as client:
        answer = await client.get("/")
        page = await answer.text()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        links = re.findall(r'href="(/[^"]*)"', page)
        assert {"/livez", "/readyz", "/health", "/metrics"} <= set(links)
        for link in links:
            assert (await client.get(link)).status != 404, link
    named = re.findall(r"<code>(?:(?:GET|POST|WebSocket) )?(/[^<]*)</code>", page)
    routes = {route.resource.canonical for route in made.router.routes() if route.resource is not None}
    assert set(named) <= routes
    assert ("/socket" in named) is (app is node)


@pytest.mark.parametrize("app", [gateway, node, compliance])
async def test_page_has_no_script_secret_or_external_resource(app: Any) -> None:
    async with TestClient(TestServer(app())) as client:
        answer = await client.get("/", headers={"Host": "<script>alert(1)</script>"})
        page = await answer.text()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await client.head("/")).status == 200
        assert (await client.post("/")).status == 405
    assert "script" not in page.replace("subscript", "")
    assert SECRET not in page and "app_key_of_ours" not in page
    assert "://" not in page


def test_documents_on_the_page_exist() -> None:
    assert [name for name, _ in DOCUMENTS if not (ROOT / name).exists()] == []
