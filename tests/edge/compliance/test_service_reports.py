"""What a service beside the system does becomes a record under its own name, once, and never one of the system's."""

import json
from typing import Any

import pytest

from core.ports.event_log import OutcomeUnknown, Unavailable
from schemas.wire.audit_report import MAX_REPORTS, REPORTS_PATH
from tests.edge.compliance.test_app import Client, RecordingAudit, as_user, audit, client, documents, kept
from tests.given import CORRELATION, ROOM, TENANT

__all__ = ["audit", "client", "documents", "kept"]
SERVICE = as_user("service")
REPORT: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000001",
    "action": "media:downloaded",
    "entity_type": "file",
    "entity_id": "7a7c",
    "outcome": "success",
    "classification": "personal_data",
    "occurred_at": "2026-11-20T10:30:00.5+01:00",
}


async def report(client: Client, *reports: dict[str, Any], headers: Any = SERVICE) -> tuple[int, dict[str, Any]]:
    answer = await client.post(REPORTS_PATH, data=json.dumps({"reports": list(reports)}), headers=headers)
    return answer.status, json.loads(await answer.read())


async def test_service_is_the_actor_of_what_it_does_itself(client: Client, audit: RecordingAudit) -> None:
    status, body = await report(client, REPORT)
    assert (status, len(body["ids"])) == (201, 1)
    ((found, _),) = audit.records
    assert (found.tenant, found.actor, found.actor_type, found.reported_by) == (TENANT, "olga", "application", "olga")
    assert (found.action, found.entity_type, found.entity_id) == ("media:downloaded", "file", "7a7c")
    assert (found.at, found.classification, found.subjects) == ("2026-11-20T09:30:00.500Z", "personal_data", None)


async def test_service_names_the_user_it_acts_for(client: Client, audit: RecordingAudit) -> None:
    more = {"actor": "ann", "subjects": ["ben"], "conversation_id": ROOM, "reason": "no_room", "count": 3}
    status, _ = await report(client, REPORT | more | {"outcome": "failure", "correlation_id": CORRELATION})
    ((found, correlation_id),) = audit.records
    assert (status, correlation_id) == (201, CORRELATION)
    assert (found.actor, found.actor_type, found.reported_by) == ("ann", "user", "olga")
    assert (found.subjects, found.conversation_id, found.reason, found.count) == (["ben"], ROOM, "no_room", 3)


async def test_id_of_a_record_is_of_its_service_alone(client: Client) -> None:
    ids = [(await report(client, REPORT, headers=SERVICE))[1]["ids"][0] for _ in range(2)]
    assert ids[0] == ids[1] != REPORT["id"]
    other = as_user("service", tenant="umbra")
    assert (await report(client, REPORT, headers=other))[1]["ids"][0] != ids[0]


@pytest.mark.parametrize("action", ["message:send", "audit:query", "operator:rebuild", "auth:login"])
async def test_names_of_the_system_are_refused(client: Client, audit: RecordingAudit, action: str) -> None:
    status, problem = await report(client, REPORT, REPORT | {"action": action})
    assert (status, problem["errors"]) == (422, [{"pointer": "/reports/1/action", "code": "value"}])
    assert audit.records == []


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_time_without_a_year_in_utc_is_refused(client: Client, audit: RecordingAudit, at: str) -> None:
    status, problem = await report(client, REPORT, REPORT | {"occurred_at": at})
    assert (status, problem["errors"]) == (422, [{"pointer": "/reports/1/occurred_at", "code": "bounds"}])
    assert audit.records == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "Download"},
        {"id": "1"},
        {"outcome": "maybe"},
        {"classification": "secret"},
        {"occurred_at": "2026-11-20T10:30:00"},
        {"entity_id": ""},
        {"text": "content"},
        {"count": 0},
    ],
)
async def test_wrong_field_is_refused(client: Client, audit: RecordingAudit, wrong: dict[str, Any]) -> None:
    status, problem = await report(client, REPORT | wrong)
    assert (status, problem["code"], audit.records) == (422, "validation_failed", [])


async def test_number_of_reports_is_bounded(client: Client, audit: RecordingAudit) -> None:
    assert (await report(client, *[REPORT] * MAX_REPORTS))[0] == 201
    assert len(audit.records) == MAX_REPORTS
    assert (await report(client, *[REPORT] * (MAX_REPORTS + 1)))[0] == (await report(client))[0] == 422


@pytest.mark.parametrize("roles", [(), ("admin", "sre", "compliance_officer")])
async def test_others_are_refused_and_recorded(client: Client, audit: RecordingAudit, roles: tuple[str, ...]) -> None:
    status, problem = await report(client, REPORT, headers=as_user(*roles))
    assert (status, problem["code"]) == (403, "not_allowed")
    ((found, _),) = audit.records
    assert (found.action, found.outcome, found.reason) == ("audit:record", "denied", "not_allowed")


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("slow")])
async def test_log_that_is_away_is_said(client: Client, audit: RecordingAudit, failure: Exception) -> None:
    audit.fails = failure
    status, problem = await report(client, REPORT)
    assert (status, problem["code"], problem["retry"]) == (503, "unavailable", True)
