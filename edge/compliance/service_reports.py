"""ServiceReports writes into the audit log what services beside the system say they do, each under its own name."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import msgspec
from aiohttp import web

from core.audit.classification import NAMESPACES
from core.audit.derived import outcome_of
from core.identity import Identity
from core.ports.audit import Audit
from core.ports.event_log import OutcomeUnknown, Unavailable
from edge.auth.tokens import Tokens
from edge.http.bearer import caller
from edge.http.body import body_of
from edge.http.problems import CORRELATION_ID, HttpProblem
from edge.http.request_record import RETRY_MS, record_request
from schemas import ids
from schemas.events import AuditRecorded
from schemas.wire.audit_report import AuditReport, AuditReported, AuditReports
from schemas.wire.errors import problem

SERVICE: Final = "service"
BODY_BYTES: Final = 1_048_576
_reports: Final = msgspec.json.Decoder(AuditReports)


class ServiceReports:
    """Takes reports from holders of a token with the role `service`, whose user is the name of the service.

    A record's id derives from the tenant, the service and the report's id, so that no service can take the id of a
    record that is not its own.
    """

    def __init__(self, tokens: Tokens, audit: Audit, denied_action: str) -> None:
        self._tokens = tokens
        self._audit = audit
        self._denied_action = denied_action

    async def take(self, request: web.Request) -> web.Response:
        """Answer `POST` of `AuditReports` with 201 and the ids of the records when all are durable. Raises
        `HttpProblem`; after `unavailable` some may be in the log, and a repeat records the others.
        """
        who = caller(request, self._tokens)
        if SERVICE not in who.roles:
            await self._deny(request, who)
        found = await body_of(request, _reports, BODY_BYTES)
        _require_own_names(found)
        _require_times(found)
        keys = [id_of(who, one.id) for one in found.reports]
        appends = (
            self._audit.record(record_of(who, one), one.correlation_id or request[CORRELATION_ID], key)
            for one, key in zip(found.reports, keys, strict=True)
        )
        for result in await asyncio.gather(*appends, return_exceptions=True):
            if isinstance(result, Unavailable | OutcomeUnknown):
                raise HttpProblem(problem("unavailable", str(result), retry_after_ms=RETRY_MS))
            if result is not None:
                raise result
        body = msgspec.json.encode(AuditReported(ids=keys))
        headers = {"Cache-Control": "no-store"}
        return web.Response(status=201, body=body, content_type="application/json", headers=headers)

    async def _deny(self, request: web.Request, who: Identity) -> None:
        """Record that somebody without the role tried, and raise `HttpProblem`."""
        code = "not_allowed"
        await record_request(
            self._audit,
            request,
            who,
            action=self._denied_action,
            entity=("audit_log", ""),
            outcome=outcome_of(code),
            reason=code,
        )
        raise HttpProblem(problem(code, f"services' reports are for the role {SERVICE}"))


def id_of(who: Identity, report_id: str) -> str:
    """Return the id of the record of a service's report."""
    return ids.derive(who.tenant, "audit_log", who.user_id, "report", report_id)


def record_of(who: Identity, report: AuditReport) -> AuditRecorded:
    """Return the record of a service's report."""
    own = report.actor is None
    at = report.occurred_at.astimezone(UTC)
    return AuditRecorded(
        tenant=who.tenant,
        at=_text_of(at),
        actor=report.actor or who.user_id,
        actor_type="application" if own else report.actor_type,
        action=report.action,
        entity_type=report.entity_type,
        entity_id=report.entity_id,
        outcome=report.outcome,
        reason=report.reason,
        conversation_id=report.conversation_id,
        session=report.session,
        device=report.device,
        address=report.address,
        agent=report.agent,
        purpose=report.purpose,
        subjects=report.subjects or None,
        count=report.count,
        classification=report.classification,
        reported_by=who.user_id,
    )


def _text_of(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _require_own_names(found: AuditReports) -> None:
    """Raise `HttpProblem` for a report that has the name of one of the system's own actions."""
    taken = [n for n, one in enumerate(found.reports) if one.action.partition(":")[0] in NAMESPACES]
    if taken:
        wrong = [{"pointer": f"/reports/{n}/action", "code": "value"} for n in taken]
        names = ", ".join(sorted(NAMESPACES))
        raise HttpProblem(problem("validation_failed", f"the system's own actions begin with: {names}", errors=wrong))


def _require_times(found: AuditReports) -> None:
    """Raise `HttpProblem` for a report of a time that has no year in UTC, such as the first hours of year 1 in Asia."""
    wrong = [n for n, one in enumerate(found.reports) if not _in_utc(one.occurred_at)]
    if wrong:
        errors = [{"pointer": f"/reports/{n}/occurred_at", "code": "bounds"} for n in wrong]
        raise HttpProblem(problem("validation_failed", "a time is in the years 1 to 9999 of UTC", errors=errors))


def _in_utc(at: datetime) -> bool:
    try:
        at.astimezone(UTC)
    except OverflowError:
        return False
    return True
