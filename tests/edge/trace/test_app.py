"""Traces are for SREs, each look is recorded before it is answered, and an answer has no content."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.health import Health
from core.ports.event_log import OutcomeUnknown, Unavailable
from edge.http.problems import problems
from edge.trace.app import TraceEntrance, Tracing, add_routes
from projections.generations import Generations
from projections.queries.trace_records import MODELS, TraceRecords
from projections.stores.memory import MemoryDocuments
from streams.log.memory import MemoryLog
from streams.processors.trace import Trace
from tests.edge.compliance.test_app import TOKENS, RecordingAudit, as_user
from tests.given import CORRELATION, TENANT
from tests.projections.queries.test_trace_records import TALK, given

Client = TestClient[Any, Any]
SRE = as_user("sre")


@pytest.fixture
def audit() -> RecordingAudit:
    return RecordingAudit()


@pytest.fixture
async def documents() -> MemoryDocuments:
    found = MemoryDocuments()
    await found.start(Trace.tables)
    return found


def app_of(entrance: TraceEntrance) -> web.Application:
    app = web.Application(middlewares=[problems])
    add_routes(app, entrance)
    return app


@pytest.fixture
async def client(audit: RecordingAudit, documents: MemoryDocuments, log: MemoryLog) -> AsyncIterator[Client]:
    health = Health()
    entrance = TraceEntrance(health)
    await given(log, documents, *TALK)
    records = TraceRecords(documents, Generations(documents, MODELS), log)
    entrance.open(Tracing(TOKENS, records, audit))
    assert health.ready
    async with TestClient(TestServer(app_of(entrance))) as found:
        yield found


async def asked(
    client: Client, of: str = CORRELATION, headers: dict[str, str] = SRE, **parameters: str
) -> tuple[int, dict[str, Any]]:
    answer = await client.get(f"/api/v1/trace/{of}", params=parameters, headers=headers)
    return answer.status, json.loads(await answer.read())


async def test_sre_gets_the_tree_without_content(client: Client, audit: RecordingAudit) -> None:
    status, found = await asked(client, headers=SRE | {"X-Correlation-ID": str(uuid4())})
    assert status == 200
    assert [(one["parent"], one["record"]["type"]) for one in found["entries"]][:2] == [
        (None, "caas.message.sent.v1"),
        (0, "caas.message.delivered.v2"),
    ]
    assert found["behind"] == 0
    assert "hello" not in json.dumps(found)
    ((record, correlation_id),) = audit.records
    assert (record.tenant, record.actor, record.action, record.outcome) == (TENANT, "olga", "trace:read", "success")
    assert (record.entity_type, record.entity_id, record.address) == ("correlation", CORRELATION, "127.0.0.1")
    assert correlation_id != CORRELATION


async def test_id_is_found_in_capital_letters_too(client: Client) -> None:
    _, found = await asked(client, CORRELATION.upper())
    assert (found["correlation_id"], len(found["entries"])) == (CORRELATION, 4)


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("slow")])
async def test_look_without_a_record_shows_nothing(client: Client, audit: RecordingAudit, failure: Exception) -> None:
    audit.fails = failure
    status, problem = await asked(client)
    assert (status, problem["code"]) == (503, "unavailable")


@pytest.mark.parametrize("roles", [(), ("compliance_officer",), ("admin",)])
async def test_others_are_refused_and_recorded(client: Client, audit: RecordingAudit, roles: tuple[str, ...]) -> None:
    status, problem = await asked(client, headers=as_user(*roles))
    assert (status, problem["code"]) == (403, "not_allowed")
    ((record, _),) = audit.records
    assert (record.action, record.outcome, record.reason) == ("trace:read", "denied", "not_allowed")


async def test_caller_without_token_is_refused(client: Client, audit: RecordingAudit) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        status, problem = await asked(client, headers=headers)
        assert (status, problem["code"]) == (401, "unauthorized")
    assert audit.records == []


@pytest.mark.parametrize(
    "wrong", ["nonsense", CORRELATION[:-1], f"urn:uuid:{CORRELATION}", CORRELATION.replace("-", "")]
)
async def test_what_is_no_correlation_id_is_named(client: Client, audit: RecordingAudit, wrong: str) -> None:
    status, problem = await asked(client, wrong)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [one["pointer"] for one in problem["errors"]] == ["/id"]
    assert audit.records == []


async def test_unknown_parameter_is_refused(client: Client) -> None:
    status, problem = await asked(client, since="1h")
    assert (status, problem["code"], "since" in problem["detail"]) == (422, "validation_failed", True)


async def test_unknown_id_is_not_found(client: Client) -> None:
    status, problem = await asked(client, str(uuid4()))
    assert (status, problem["code"]) == (404, "not_found")


async def test_sre_of_another_tenant_finds_nothing(client: Client) -> None:
    assert (await asked(client, headers=as_user("sre", tenant="umbra")))[0] == 404


async def test_what_is_not_read_yet_is_said(client: Client, log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.progress.CATCH_UP_TIMEOUT_S", 0.05)
    await log.append(TALK[0])
    status, found = await asked(client, wait="true")
    assert (status, found["behind"]) == (200, 1)
    status, problem = await asked(client, str(uuid4()))
    assert (status, "1 records of the log still to read" in problem["detail"]) == (404, True)


async def test_store_that_is_down_is_unavailable(
    client: Client, documents: MemoryDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any, **__: Any) -> Any:
        raise Unavailable("down")

    monkeypatch.setattr(documents, "find", down)
    status, problem = await asked(client)
    assert (status, problem["code"], problem["retry"]) == (503, "unavailable", True)


async def test_service_that_starts_says_what_it_waits_for() -> None:
    async with TestClient(TestServer(app_of(TraceEntrance(Health())))) as client:
        status, problem = await asked(client)
        assert (status, problem["code"], "trace-service" in problem["detail"]) == (503, "not_ready", True)
