"""Who has the role `admin` changes what a running process logs; each change and each attempt is recorded before."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.log_levels import LogLevels
from core.ports.event_log import OutcomeUnknown, Unavailable
from edge.auth.tokens import Tokens
from edge.http.log_level import LogLevelEntrance, add_log_level_route
from edge.http.problems import problems
from edge.process.logs import ProcessLog, configure, set_up
from schemas.wire.log_level import LOG_LEVEL_PATH
from tests.edge.compliance.test_app import RecordingAudit
from tests.given import CORRELATION, TENANT

TOKENS = Tokens("s" * 32, 900, tenants=(TENANT,))
WANTED = {"levels": "caas.test=debug,warning"}
Client = TestClient[Any, Any]
ours = logging.getLogger("caas.test")


@pytest.fixture
def audit() -> RecordingAudit:
    return RecordingAudit()


@pytest.fixture
def log() -> Iterator[ProcessLog]:
    yield set_up(io.StringIO())
    configure("info", "text")


@pytest.fixture
def entrance() -> LogLevelEntrance:
    return LogLevelEntrance(TOKENS, "worker@host:7")


@pytest.fixture
async def client(entrance: LogLevelEntrance, log: ProcessLog) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[problems])
    add_log_level_route(app, entrance)
    async with TestClient(TestServer(app)) as found:
        yield found


def as_user(*roles: str, tenant: str = TENANT) -> dict[str, str]:
    token = Tokens("s" * 32, 900).issue(tenant, "olga", roles=roles)[0]
    return {"Authorization": f"Bearer {token}", "X-Correlation-ID": CORRELATION}


ADMIN = as_user("admin")


async def put(client: Client, body: Any = WANTED, headers: dict[str, str] = ADMIN) -> tuple[int, dict[str, Any]]:
    answer = await client.put(LOG_LEVEL_PATH, json=body, headers=headers)
    return answer.status, await answer.json(content_type=None)


async def test_admin_changes_the_levels_of_a_running_process(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog
) -> None:
    entrance.open(audit)
    ours.debug("not yet")
    assert await put(client) == (
        200,
        {"process": "worker@host:7", "levels": "caas.test=debug,warning", "before": "info"},
    )
    ours.debug("from now on")
    assert await put(client, {"levels": "info"}) == (
        200,
        {"process": "worker@host:7", "levels": "info", "before": "caas.test=debug,warning"},
    )
    ours.debug("no more")
    written = log.stream.getvalue()  # type: ignore[attr-defined]
    assert [word in written for word in ("not yet", "from now on", "no more")] == [False, True, False]
    assert f'"correlation_id": "{CORRELATION}"' in written


async def test_change_is_in_the_audit_log_before_it_is_made(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit
) -> None:
    entrance.open(audit)
    await put(client)
    ((record, correlation_id),) = audit.records
    assert (record.actor, record.actor_type, record.action) == ("olga", "operator", "log:level")
    assert (record.entity_type, record.entity_id, record.outcome) == ("process", "worker@host:7", "success")
    assert (record.reason, record.address, correlation_id) == ("caas.test=debug,warning", "127.0.0.1", CORRELATION)


@pytest.mark.parametrize("failure", [Unavailable("Kafka: down"), OutcomeUnknown("Kafka: slow")])
async def test_without_a_record_nothing_changes(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog, failure: Exception
) -> None:
    status, problem = await put(client)
    assert (status, problem["code"], log.levels) == (503, "not_ready", LogLevels())
    entrance.open(audit)
    audit.fails = failure
    status, problem = await put(client)
    assert (status, problem["code"], log.levels) == (503, "unavailable", LogLevels())


@pytest.mark.parametrize("roles", [(), ("sre",), ("compliance_officer",)])
async def test_who_has_no_role_is_refused_and_recorded(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog, roles: tuple[str, ...]
) -> None:
    entrance.open(audit)
    status, problem = await put(client, headers=as_user(*roles))
    assert (status, problem["code"], log.levels) == (403, "not_allowed", LogLevels())
    ((record, _),) = audit.records
    assert (record.action, record.outcome, record.reason) == ("log:level", "denied", "not_allowed")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer none"}, as_user("admin", tenant="another")], ids=["none", "bad", "tenant"]
)
async def test_who_is_unknown_or_of_another_tenant_is_refused(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog, headers: dict[str, str]
) -> None:
    entrance.open(audit)
    status, problem = await put(client, headers=headers)
    assert (status, problem["code"], log.levels, audit.records) == (401, "unauthorized", LogLevels(), [])


@pytest.mark.parametrize(
    "body", [{"levels": "loud"}, {"levels": "aiokafka=debug"}, {"levels": ""}, {}, {"levels": "info", "node": "all"}]
)
async def test_wrong_levels_are_refused_and_change_nothing(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog, body: Any
) -> None:
    entrance.open(audit)
    status, problem = await put(client, body)
    assert (status, problem["code"], log.levels, audit.records) == (422, "validation_failed", LogLevels(), [])
    assert problem["errors"][0]["pointer"].startswith("/levels") or "node" in body


async def test_program_that_logs_in_its_own_way_is_left_alone(
    client: Client, entrance: LogLevelEntrance, audit: RecordingAudit, log: ProcessLog
) -> None:
    entrance.open(audit)
    logging.getLogger().removeHandler(log)
    status, problem = await put(client)
    assert (status, problem["code"], audit.records) == (503, "unavailable", [])
