"""The gateway issues tokens to the app's server; everything else is answered with a problem document."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.health import Health
from core.ports.event_log import Unavailable
from core.settings import Settings
from edge.auth.tokens import Tokens
from edge.composition.serving import token_trail
from edge.gateway.app import Gateway, gateway_app
from edge.gateway.live_sockets import LiveSockets
from projections.ephemeral.in_process import InProcessNodeRegistry
from schemas.wire.tokens import TOKEN_PATH

TOKENS = Tokens("s" * 32, 900)
APP = {"X-App-Key": "key", "X-App-Secret": "secret"}
Client = TestClient[Any, Any]


@pytest.fixture
async def health() -> Health:
    return Health()


@pytest.fixture
async def client(health: Health) -> AsyncIterator[Client]:
    settings = Settings(app_key="key", app_secret="secret", tenant="acme")
    async with TestClient(
        TestServer(gateway_app(Gateway(settings, TOKENS, token_trail(settings, health)), health))
    ) as found:
        yield found


async def problem(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = json.loads(await answer.read())
    assert body["type"] == f"urn:caas:error:{body['code']}"
    assert body["status"] == answer.status
    assert body["correlation_id"] == answer.headers["X-Correlation-ID"]
    return body


async def test_app_receives_token_for_its_user(client: Client) -> None:
    answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann"})
    body = await answer.json()
    assert answer.status == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["socket_urls"] == [f"ws://{client.host}:{client.port}/socket"]
    identity = TOKENS.verify(body["token"])
    assert (identity.tenant, identity.user_id) == ("acme", "ann")


async def test_app_sets_name_prefixes_of_its_user(client: Client) -> None:
    answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann", "names": ["order-"]})
    assert TOKENS.verify((await answer.json())["token"]).names == ("order-",)
    for wrong in ("order-", ["x" * 129], ["x"] * 21, [1]):
        answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann", "names": wrong})
        assert (answer.status, (await problem(answer))["code"]) == (422, "validation_failed")


class Away(InProcessNodeRegistry):
    """A registry that is always down."""

    async def announced(self) -> list[str]:
        raise Unavailable("Redis: away")


async def test_gateway_returns_live_nodes_and_is_ready_without_presence_server(health: Health) -> None:
    settings, here = Settings(app_key="key", app_secret="secret"), ["ws://127.0.0.1:3002/socket"]
    there = InProcessNodeRegistry()
    await there.announce("one", "ws://one/socket", 60)
    for presence, urls in ((there, ["ws://one/socket"]), (Away(), here)):
        gateway = Gateway(settings, TOKENS, token_trail(settings, health), living=LiveSockets(presence, here))
        async with TestClient(TestServer(gateway_app(gateway, health))) as client:
            answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann"})
            assert (await answer.json())["socket_urls"] == urls
            assert (await client.get("/readyz")).status == 200


async def test_configured_socket_urls_replace_live_nodes(health: Health) -> None:
    settings, set_urls = Settings(app_key="key", app_secret="secret"), ["ws://set/socket"]
    gateway = Gateway(settings, TOKENS, token_trail(settings, health), set_urls, LiveSockets(Away(), []))
    async with TestClient(TestServer(gateway_app(gateway, health))) as client:
        answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann"})
        assert (await answer.json())["socket_urls"] == set_urls


@pytest.mark.parametrize("changed", [{"X-App-Key": "x"}, {"X-App-Secret": "x"}, {"X-App-Secret": ""}])
async def test_wrong_key_or_secret_is_refused(client: Client, changed: dict[str, str]) -> None:
    answer = await client.post(TOKEN_PATH, headers=APP | changed, json={"user_id": "ann"})
    assert (answer.status, (await problem(answer))["code"]) == (401, "unauthorized")


async def test_gateway_without_secret_refuses_all(health: Health) -> None:
    async with TestClient(
        TestServer(gateway_app(Gateway(Settings(), TOKENS, token_trail(Settings(), health)), health))
    ) as client:
        answer = await client.post(TOKEN_PATH, json={"user_id": "ann"})
        assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b"{}", 422, "validation_failed"),
        (b'{"user_id": "a b"}', 422, "validation_failed"),
        (b'{"user_id": "\xff"}', 400, "invalid_json"),
        (b'{"x": ' + b"[" * 8_000 + b"]" * 8_000 + b"}", 400, "invalid_json"),
        (b" " * 20_000, 413, "too_large"),
    ],
)
async def test_malformed_request_is_refused_with_a_cause(client: Client, body: bytes, status: int, code: str) -> None:
    answer = await client.post(TOKEN_PATH, headers=APP, data=body)
    found = await problem(answer)
    assert (answer.status, found["code"], found["instance"]) == (status, code, TOKEN_PATH)


async def test_problem_points_at_the_wrong_field(client: Client) -> None:
    for body, code in (
        ({"user_id": "a b"}, "value"),
        ({"user_id": ""}, "bounds"),
        ({"user_id": 1}, "type"),
        ({}, "missing"),
    ):
        found = await problem(await client.post(TOKEN_PATH, headers=APP, json=body))
        assert found["errors"] == [{"pointer": "/user_id", "code": code}]


async def test_correlation_id_is_kept_and_malformed_one_is_replaced(client: Client) -> None:
    given = str(uuid4())
    for path in ("/livez", "/nothing"):
        answer = await client.get(path, headers={"X-Correlation-ID": given})
        assert answer.headers["X-Correlation-ID"] == given
        answer = await client.get(path, headers={"X-Correlation-ID": "no uuid"})
        assert len(answer.headers["X-Correlation-ID"]) == 36


async def test_unknown_path_and_wrong_method_are_problems(client: Client) -> None:
    assert (await problem(await client.get("/nothing")))["status"] == 404
    answer = await client.get(TOKEN_PATH)
    assert (answer.headers["Allow"], answer.status, (await problem(answer))["code"]) == (
        "POST",
        405,
        "method_not_allowed",
    )


async def test_readiness_names_failing_checks(client: Client, health: Health) -> None:
    assert (await client.get("/readyz")).status == 200
    health.waits("log", "it is down")
    answer = await client.get("/readyz")
    body = json.loads(await answer.read())
    assert (answer.status, answer.content_type) == (503, "application/health+json")
    assert body["checks"]["log"][0]["output"] == "it is down"
    assert (await client.get("/livez")).status == 200


PATHS = ("/readyz", "/health")


@pytest.mark.parametrize("header", [None, "X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
async def test_outsiders_see_only_the_status(client: Client, health: Health, header: str | None) -> None:
    health.count("logins_refused")
    for status, cause in ((200, ""), (503, "no file /srv/caas/log.sqlite at mongodb://10.0.0.7")):
        if cause:
            health.waits("log", cause)
        for path in PATHS:
            answer = await client.get(path, headers={header: "127.0.0.1"} if header else {})
            body = json.loads(await answer.read())
            assert answer.status == status
            assert (body == {"status": "fail" if cause else "pass"}) is (header is not None)


async def test_client_outside_health_networks_is_an_outsider(health: Health) -> None:
    health.waits("log", "it is down")
    settings = Settings(app_key="key", app_secret="secret", health_networks="10.0.0.0/8")
    async with TestClient(
        TestServer(gateway_app(Gateway(settings, TOKENS, token_trail(settings, health)), health))
    ) as client:
        for path in PATHS:
            assert json.loads(await (await client.get(path)).read()) == {"status": "fail"}
        assert (await client.get("/livez")).status == 200
