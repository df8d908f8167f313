"""Each issued token leaves a record without the token, refusals are counted, and nobody waits for either."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from core.health import Health
from core.settings import Settings
from edge.composition.serving import token_trail
from edge.gateway.app import Gateway, gateway_app
from edge.gateway.token_trail import TokenTrail
from schemas.wire.tokens import TOKEN_PATH
from tests.edge.compliance.test_app import RecordingAudit
from tests.edge.gateway.test_app import APP, TOKENS

Client = TestClient[Any, Any]
SETTINGS = Settings(app_key="key", app_secret="secret", tenant="acme")


@pytest.fixture
def trail() -> TokenTrail:
    return token_trail(SETTINGS, Health())


@pytest.fixture
async def client(trail: TokenTrail) -> AsyncIterator[Client]:
    async with TestClient(TestServer(gateway_app(Gateway(SETTINGS, TOKENS, trail), Health()))) as found:
        yield found


async def recorded(trail: TokenTrail) -> RecordingAudit:
    """Return what the trail appends when its log can be written and it ends."""
    audit = RecordingAudit()
    await trail.queue.stop(audit)
    return audit


async def test_issued_token_is_recorded_without_the_token(client: Client, trail: TokenTrail) -> None:
    correlation_id = str(uuid4())
    headers = APP | {"User-Agent": "shop/1", "X-Correlation-ID": correlation_id}
    answer = await client.post(TOKEN_PATH, headers=headers, json={"user_id": "ann"})
    token = (await answer.json())["token"]
    await client.post(TOKEN_PATH, headers=APP, json={"user_id": "bot", "names": ["order-"]})
    (first, first_correlation), (second, _) = (await recorded(trail)).records
    assert (first.tenant, first.actor, first.actor_type, first.action) == ("acme", "key", "application", "token:issue")
    assert (first.entity_type, first.entity_id, first.outcome, first.reason) == ("user", "ann", "success", None)
    assert (first.address, first.agent, first_correlation) == ("127.0.0.1", "shop/1", correlation_id)
    assert first.at
    assert (second.entity_id, second.reason) == ("bot", "names")
    assert token not in repr(first) and "secret" not in repr(first)


async def test_record_of_a_token_continues_the_trace_of_its_request(client: Client, trail: TokenTrail) -> None:
    context = f"00-{'ab' * 16}-{'cd' * 8}-01"
    for given in (context, "rubbish"):
        answer = await client.post(TOKEN_PATH, headers=APP | {"traceparent": given}, json={"user_id": "ann"})
        assert answer.status == 200
    assert (await recorded(trail)).causes == [context, ""]


async def test_refused_keys_are_counted_and_not_shown(client: Client, trail: TokenTrail) -> None:
    for wrong in ({"X-App-Key": "guess-1"}, {"X-App-Secret": "guess-2"}, {"X-App-Key": ""}):
        assert (await client.post(TOKEN_PATH, headers=APP | wrong, json={"user_id": "ann"})).status == 401
    ((record, _),) = (await recorded(trail)).records
    assert (record.action, record.outcome, record.reason, record.count) == ("token:issue", "denied", "unauthorized", 3)
    assert (record.actor, record.entity_id, record.address) == ("", "", "127.0.0.1")
    assert "guess" not in repr(record)


async def test_invalid_request_of_an_application_leaves_no_record(client: Client, trail: TokenTrail) -> None:
    assert (await client.post(TOKEN_PATH, headers=APP, json={"user_id": "a b"})).status == 422
    assert (await recorded(trail)).records == []


async def test_gateway_that_stops_issues_no_token(client: Client, trail: TokenTrail) -> None:
    await recorded(trail)
    async with asyncio.timeout(5):
        answer = await client.post(TOKEN_PATH, headers=APP, json={"user_id": "ann"})
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "unavailable")
